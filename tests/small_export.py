"""Runs that have something to export, without any training."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_experiment import tiny

from rlsel.data import ImageSet, load_splits
from rlsel.experiment.config import Experiment, to_yaml
from rlsel.features import CandidateTable
from rlsel.pool import Pool, build_pool, write_pool
from rlsel.runs.claim import new_record
from rlsel.runs.selection_table import write_selection
from rlsel.selectors import Selection
from rlsel.stages.candidates import POOL

PER_CLASS = 8


def images_of(num: int, size_px: int = 16) -> np.ndarray:
    return np.random.default_rng(num).integers(0, 256, (num, size_px, size_px, 3), np.uint8)


def pool_of(class_names: tuple[str, ...], ids: Iterable[str] | None = None) -> Pool:
    """Candidates of every class, in turns."""
    num = PER_CLASS * len(class_names)
    labels = np.arange(num) % len(class_names)
    names = [f"made/{i}" for i in range(num)] if ids is None else list(ids)
    return Pool(ImageSet(images_of(num), labels, class_names, np.array(names)), "a test")


def leave_run(run_dir: Path, pool: Pool, kept_N: np.ndarray, experiment: Experiment) -> Path:
    """What a finished run leaves of its selection, without any training."""
    replace(new_record(experiment), finished=True, pool_digest=pool.digest).write(run_dir)
    (run_dir / "config.yaml").write_text(to_yaml(experiment), encoding="utf-8")
    unknown = np.zeros(len(pool), np.float32)
    table = CandidateTable(pool.candidates.labels, *[unknown] * 9)
    uniform = Selection("uniform", kept_N[None])
    write_selection(run_dir, pool, table, np.zeros(len(pool), int), uniform, learned=None)
    return run_dir


def run_of(run_dir: Path, pool: Pool, kept_N: np.ndarray | None = None) -> Path:
    """A run whose candidates lie in its folder."""
    write_pool(pool, run_dir / POOL)
    kept_N = np.ones(len(pool), bool) if kept_N is None else kept_N
    return leave_run(run_dir, pool, kept_N, tiny())


def run_of_folder(run_dir: Path, **pool: Any) -> tuple[Path, Pool]:
    """A run whose candidates are the user's own images, larger than those that are trained on."""
    for c, name in enumerate(("normal", "tumour")):
        (run_dir.parent / "made" / name).mkdir(parents=True)
        for number, pixels in enumerate(images_of(PER_CLASS, 24)):
            suffix = (".png", ".JPG")[number % 2]
            image = Image.fromarray(np.roll(pixels, c, axis=2))
            image.save(run_dir.parent / "made" / name / f"{number}{suffix}")
    experiment = tiny(pool={"name": "folder", "path": str(run_dir.parent / "made")} | pool)
    splits = load_splits(experiment.data, experiment.seed)
    built = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
    return leave_run(run_dir, built, np.arange(len(built)) % 3 > 0, experiment), built


def rows_of(to: Path) -> list[dict[str, Any]]:
    return pq.read_table(to / "selection.parquet").to_pylist()


def files_in(to: Path) -> set[str]:
    return {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()}


@pytest.fixture(name="run_dir")
def run_dir_fixture(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"
