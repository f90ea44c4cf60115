"""Every config that the repository ships can be run."""

import math
from pathlib import Path

import pytest
import yaml

from rlsel.commands.tuning import load_sweep
from rlsel.experiment.config import load_experiment

FILES = sorted((Path(__file__).parents[2] / "tune_configs").glob("*.yaml"))
SWEEPS = [path for path in FILES if "grid" in yaml.safe_load(path.read_text())]


@pytest.mark.parametrize("path", [p for p in FILES if p not in SWEEPS], ids=lambda path: path.name)
def test_every_experiment_of_the_repository_can_be_loaded(path: Path) -> None:
    assert load_experiment(path).name == path.stem


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_every_point_of_every_sweep_of_the_repository_is_an_experiment(path: Path) -> None:
    sweep, points = load_sweep(path)

    num_points = math.prod(len(values) for values in sweep.grid.values())
    assert len({point.experiments[0].hash for point in points}) == len(points) == num_points
    for point in points:
        assert [experiment.seed for experiment in point.experiments] == list(sweep.seeds)
