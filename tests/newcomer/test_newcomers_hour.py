"""From one's own images with odd names to a classifier trained on the selection, as README tells.

Every step is a process of its own, started in the user's folder and given relative paths.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from small_experiment import iterations
from small_project import CLASSES, PER_CLASS, SETTINGS, Newcomer, recipe, write_images
from strict_json import read_strictly

from rlsel.experiment.config import merge
from rlsel.runs.record import Record

pytestmark = pytest.mark.slow

SMALL_GAN = {
    **{"name": "histogan", "num_per_class": 16, "channels": 8, "max_channels": 8},
    **{"noise_size": 16, "batch_size": 8, "num_images": 64},
}
NUM_ITERATIONS = 20
"""Enough to be interrupted among."""


@pytest.fixture
def user(tmp_path: Path) -> Newcomer:
    folder = tmp_path / "Müllers Projekt"
    for part, per_class in PER_CLASS.items():
        write_images(folder / part, per_class)
    return Newcomer(folder)


def require_true_counts(said: str) -> None:
    """Of `rlsel check`: validation is halved."""
    parts = {"train": 32, "reward_val": 6, "selection_val": 6, "test": 12}
    for part, num in parts.items():
        assert f"{part} {num} {num} {num} {3 * num} 24 x 24" in said
    assert "<5mm healthy tissue 良性 total" in said


def num_exported(folder: Path, said: str) -> int:
    """The number that an export said, which is that of the files in the folders of the classes."""
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(CLASSES)
    files = [path for path in folder.rglob("*") if path.is_file()]
    num = len(files) - 1  # selection.parquet is beside them
    assert f"{num} selected images written to {folder.name}" in said
    return num


def require_trains(user: Newcomer, num_selected: int) -> None:
    user.folder.joinpath("train.py").write_text(
        recipe("Train on real + selected"), encoding="utf-8"
    )

    said = user.runs(sys.executable, "train.py")

    num_real = len(CLASSES) * PER_CLASS["data"]
    assert re.search(rf"epoch 1: loss \d+\.\d+, {num_real} real \+ {num_selected} selected", said)


def moved(user: Newcomer) -> Newcomer:
    to = user.folder.with_name("on another disk") / "Projekt 🔬"
    to.parent.mkdir()
    shutil.move(user.folder, to)
    return Newcomer(to)


@pytest.mark.timeout(600)
def test_candidates_of_ones_own_are_selected_exported_and_trained_on(
    user: Newcomer,
) -> None:
    write_images(user.folder / "from my diffusion", 8)
    user.writes("mine.yaml", SETTINGS | {"pool": {"name": "folder", "path": "from my diffusion"}})

    user.types("run", "mine.yaml", "--out", "my run")
    said = user.types("export", "my run", "--to", "selected", "--originals")
    assert "all are your own files" in said
    require_trains(user, num_exported(user.folder / "selected", said))

    assert "controller" in moved(user).types("report", "my run")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_newcomers_hour(user: Newcomer) -> None:
    settings = SETTINGS | {"generator": SMALL_GAN}
    user.writes("mine.yaml", merge(settings, {"algorithm": {"iterations": NUM_ITERATIONS}}))
    run_dir = user.folder / "my run"

    require_true_counts(user.types("check", "mine.yaml"))
    user.types("generate", "mine.yaml", "--out", "my GAN")
    command = ("run", "mine.yaml", "--out", "my run")
    said = user.types_and_presses_ctrl_c(lambda: bool(iterations(run_dir)), *command)
    go_on = "rlsel run mine.yaml --out 'my run' --resume"
    assert f"interrupted; nothing finished is lost. Go on with: {go_on}" in said
    assert not Record.read(run_dir).finished
    assert "The learned selection scores" in user.types(*command, "--resume")
    assert Record.read(run_dir).resumed == 1
    assert [row["iteration"] for row in iterations(run_dir)] == [*range(1, NUM_ITERATIONS + 1)]

    said = user.types("export", "my run", "--to", "selected")
    require_trains(user, num_exported(user.folder / "selected", said))

    grid = {"algorithm.lr": [1e-3, 1e-2]}
    user.writes("sweep.yaml", {"experiment": settings, "grid": grid, "seeds": [0, 1]})
    said = user.types("tune", "sweep.yaml", "--out", "my sweep")
    assert "algorithm.lr=0.001" in said
    assert "algorithm.lr=0.01" in said
    assert read_strictly((user.folder / "my sweep" / "sweep.json").read_text())

    before = user.types("report", "my run")
    elsewhere = moved(user)
    assert elsewhere.types("report", "my run") == before
    assert json.loads((elsewhere.folder / "my run" / "record.json").read_text())["finished"]
