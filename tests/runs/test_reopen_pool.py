"""What a run selected among is found again, wherever its candidates came from."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_experiment import (
    NOTHING_TO_TRAIN,
    evaluators_fixture,  # noqa: F401
    rlsel,
    tiny,
    write_config,
)
from small_generator import write
from test_arrays import labelled, select

from rlsel.data import load_splits
from rlsel.pool import Pool, build_pool, write_pool
from rlsel.runs.reopen import reopen_pool

pytestmark = pytest.mark.slow


def with_copies(path: Path, num_copies: int = 5) -> Path:
    """A file of candidates of which the first of each class are training images, a little
    lighter."""
    experiment = tiny()
    splits = load_splits(experiment.data, experiment.seed)
    made = build_pool(experiment.pool, splits, experiment.data, experiment.seed).candidates
    images = made.images.copy()
    for c in range(2):
        copies = np.flatnonzero(made.labels == c)[:num_copies]
        originals = np.flatnonzero(splits.train.labels == c)[:num_copies]
        images[copies] = np.clip(splits.train.images[originals].astype(int) + 7, 0, 255)
    pool = Pool(made.__class__(images, made.labels, made.class_names, made.ids), "a test")
    write_pool(pool, path)
    return path


def exported(run_dir: Path, to: Path) -> int:
    outcome = rlsel("export", run_dir, "--to", to)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    num = len([*to.rglob("*.png")])
    assert f"{num} selected images written to {to}" in outcome.said
    assert num == sum(pq.read_table(run_dir / "selection.parquet").column("kept").to_pylist())
    return num


def test_a_run_that_dropped_copies_is_exported_without_them(
    evaluators_up: None, tmp_path: Path
) -> None:
    file = with_copies(tmp_path / "made.parquet")
    pool: dict[str, Any] = {"name": "parquet", "path": str(file)}
    config = write_config(
        tmp_path / "c.yaml", pool=pool, audit={"drop_copies": True}, **NOTHING_TO_TRAIN
    )
    assert rlsel("run", config, "--out", tmp_path / "run").code == 0

    num = exported(tmp_path / "run", tmp_path / "new")

    assert 16 <= num <= 22  # of 32, at least 10 are copies


def test_a_run_of_a_generator_is_exported_and_reported_without_its_real_images(
    evaluators_up: None, tmp_path: Path
) -> None:
    config = write(tmp_path / "gan.yaml", audit={"drop_copies": True}, **NOTHING_TO_TRAIN)
    run_dir = tmp_path / "run"
    assert rlsel("run", config, "--out", run_dir).code == 0

    with patch("rlsel.runs.reopen.load_splits", None):
        assert exported(run_dir, tmp_path / "new") == 16
    assert rlsel("report", run_dir).code == 0


def test_a_run_of_arrays_is_exported_and_reported(evaluators_up: None, tmp_path: Path) -> None:
    selection = select(
        out=tmp_path / "run",
        class_names=("<5mm", ">5mm"),
        selection={"methods": ["centroid"]},
        evaluation={"rounds": 0},
    )

    assert exported(tmp_path / "run", tmp_path / "new") == selection.kept_N.sum()

    assert reopen_pool(tmp_path / "run").candidates.images.shape == labelled(29)[0].shape
    assert rlsel("report", tmp_path / "run").code == 0
    assert "rlsel.select(" in (tmp_path / "run" / "report.html").read_text()
