"""What is exported is exactly what was selected."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    finished_run,
    rlsel,
    tiny,
)

from rlsel.data import load_splits
from rlsel.pool import build_pool

pytestmark = pytest.mark.slow


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


def test_the_images_are_those_that_were_kept_in_the_folder_of_their_class(
    finished: Path, tmp_path: Path
) -> None:
    to = tmp_path / "selected"
    experiment = tiny()
    splits = load_splits(experiment.data, experiment.seed)
    candidates = build_pool(experiment.pool, splits, experiment.data, experiment.seed).candidates
    kept_N = np.array(pq.read_table(finished / "selection.parquet").column("kept").to_pylist())

    outcome = rlsel("export", finished, "--to", to)

    assert (outcome.code, outcome.err) == (0, "")
    assert f"{kept_N.sum()} selected images written to {to}" in outcome.said
    names = np.array(candidates.class_names)[candidates.labels]
    expected = {
        to / names[i] / f"{candidates.ids[i]}.png": candidates.images[i]
        for i in np.flatnonzero(kept_N)
    }
    assert set(to.rglob("*.png")) == expected.keys()
    for path, pixels in expected.items():
        assert np.array_equal(np.asarray(Image.open(path)), pixels)


def test_the_table_comes_along(finished: Path, tmp_path: Path) -> None:
    rlsel("export", finished, "--to", tmp_path / "new")

    name = "selection.parquet"
    assert (tmp_path / "new" / name).read_bytes() == (finished / name).read_bytes()


def test_a_folder_with_something_in_it_is_left_alone(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("my only copy")

    outcome = rlsel("export", finished, "--to", tmp_path)

    assert outcome.code == 2
    assert outcome.err == f"rlsel: {tmp_path}: exists and is not empty; choose a new folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_candidates_that_have_changed_are_not_exported(finished: Path, tmp_path: Path) -> None:
    changed = tmp_path / "run"
    shutil.copytree(finished, changed)
    config = changed / "config.yaml"
    config.write_text(config.read_text().replace("wrong_label: 0.42", "wrong_label: 0.3"))

    outcome = rlsel("export", changed, "--to", tmp_path / "new")

    assert outcome.code == 2
    assert outcome.err == (
        f"rlsel: {changed}: the candidates have changed since this run; bring back tissue phantom\n"
    )
    assert not (tmp_path / "new").exists()


def test_a_run_without_a_selection_is_refused(finished: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "run"
    unfinished.mkdir()
    shutil.copy(finished / "config.yaml", unfinished)

    outcome = rlsel("export", unfinished, "--to", tmp_path / "new")

    assert outcome.code == 2
    assert outcome.err == (
        f"rlsel: {unfinished}: has no selection.parquet yet; is the run finished?\n"
    )
