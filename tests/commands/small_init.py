"""Images on disk that `rlsel init` may find, and what it makes of them."""

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from small_experiment import refused, rlsel

from rlsel.experiment.config import Experiment, load_experiment


def pixels(num: int, side: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, side, side, 3), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    Image.fromarray(image).save("one.png")
    return Path("one.png").read_bytes()


def write_folder(root: str, counts: dict[str, int], name: str = "{}.png", side: int = 16) -> str:
    for seed, (class_name, num) in enumerate(counts.items()):
        for index, image in enumerate(pixels(num, side, crc32(root.encode()) + seed)):
            file = Path(root, class_name, name.format(index, index % 12))
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    return root


def write_table(path: str, num: int = 60, seed: int = 0, **columns: Any) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    table = {"picture": [png(image) for image in pixels(num, seed=seed)], **columns}
    pq.write_table(pa.table(table), path)
    return path


def made(*words: object, out: str = "my.yaml") -> Experiment:
    """The experiment that `init` has written, which a check takes."""
    outcome = rlsel("init", *words, "--out", out)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    checked = rlsel("check", out)
    assert (checked.code, checked.err) == (0, ""), checked
    assert "ready to run" in checked.said
    return load_experiment(Path(out))


def candidates(counts: dict[str, int] | None = None) -> tuple[str, str]:
    folder = f"made{len([*Path().glob('made*')])}"
    return "--candidates", write_folder(folder, counts or {"normal": 8, "tumour": 9})


def init_refused(*words: object) -> str:
    said = refused(rlsel("init", *words))
    assert not Path("my.yaml").exists()
    return said
