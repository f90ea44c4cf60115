"""Tiny data sets of every kind for tests: random images, written as users have them."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def random_images(num: int, height: int = 7, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, height, width, 3), dtype=np.uint8)


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, format=kind)
    return stream.getvalue()


def write_folder(
    root: Path, classes: dict[str, int], patients: int = 0, size: tuple[int, int] = (7, 5)
) -> Path:
    """`classes` is {name: number}; with `patients` each image is in the folder of one of them."""
    for seed, (name, num) in enumerate(classes.items()):
        for index, image in enumerate(random_images(num, *size, seed=seed)):
            folder = root / name / (f"P{index % patients:02d}" if patients else "")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index:03d}.png").write_bytes(encoded(image))
    return root


def write_parquet(
    path: Path,
    images: np.ndarray,
    labels: list,
    class_names: tuple[str, ...] | None = None,
    **others: list,
) -> Path:
    cells = [{"bytes": encoded(image), "path": f"{i}.png"} for i, image in enumerate(images)]
    features = {"label": {"names": list(class_names or ()), "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": cells, "label": labels, **others})
    pq.write_table(table.replace_schema_metadata(metadata if class_names else None), path)
    return path


def write_npz(path: Path, num: int = 10, **changed: np.ndarray | None) -> Path:
    """MedMNIST's arrays, greyscale, two classes in turn; a changed array of None is left out."""
    arrays: dict[str, np.ndarray | None] = {}
    for seed, split in enumerate(("train", "val", "test")):
        arrays[f"{split}_images"] = random_images(num, seed=seed)[..., 0]
        arrays[f"{split}_labels"] = np.arange(num)[:, None] % 2
    arrays |= changed
    np.savez(path, allow_pickle=True, **{k: v for k, v in arrays.items() if v is not None})
    return path
