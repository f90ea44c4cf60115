"""The file of a sweep, and the experiments that it defines."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, build_experiment, merge, name_after
from rlsel.experiment.paths import at_folder
from rlsel.experiment.yaml_files import read_yaml
from rlsel.schema import config

NOT_OF_A_GRID = {
    "evaluators": "all trials share one pool of evaluators: set it in experiment",
    "name": "it changes no result",
    "seed": "give them as seeds: [0, 1, 2]",
}
"""Blocks that would make no difference in a grid -> what to do instead."""


@config
class SweepConfig:
    """A grid of settings over one experiment."""

    experiment: dict[str, Any] = Field(default_factory=dict)
    """Settings of all trials, as in the config of a run."""
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Dotted setting -> its values, e.g. `algorithm.clip: [0.1, 0.2]`."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """Seeds with each of which every point of the grid is run."""
    max_concurrent: Annotated[int | None, Field(ge=1)] = None
    """Most trials at a time; None takes as many as the machine has room for."""


@dataclass(frozen=True)
class Point:
    """One point of the grid with its experiments, one per seed."""

    number: int
    settings: dict[str, Any]
    experiments: tuple[Experiment, ...]

    @property
    def name(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.settings.items()) or "as it is"

    @property
    def trials(self) -> dict[str, Experiment]:
        """Name of a trial, which is also its folder -> its experiment; in the order of seeds."""
        return {f"point{self.number:03d}-seed{e.seed}": e for e in self.experiments}


def load_sweep(path: Path) -> tuple[SweepConfig, list[Point]]:
    """Read a sweep and check every experiment in it before anything runs.

    Raises:
        InputError: the file is missing, or it has an unknown key, a setting that a trial refuses,
            or a setting that would make no difference.
    """
    content = read_yaml(path)
    try:
        sweep = TypeAdapter(SweepConfig).validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {where}: {first['msg']}; a sweep has experiment, grid, seeds, max_concurrent"
        ) from None
    _require_seeds(sweep, path)
    for key in sweep.grid:
        if (block := key.split(".")[0]) in NOT_OF_A_GRID:
            raise InputError(f"{path}: grid.{key} compares nothing: {NOT_OF_A_GRID[block]}")
    points = [
        _point(number, dict(zip(sweep.grid, values, strict=True)), sweep, path)
        for number, values in enumerate(itertools.product(*sweep.grid.values()))
    ]
    _require_different(points, path)
    return sweep, points


def _point(number: int, settings: dict[str, Any], sweep: SweepConfig, path: Path) -> Point:
    merged = dict(sweep.experiment)
    # Names first, because a block of another kind replaces the settings of the block before it.
    for key in sorted(settings, key=lambda key: not key.endswith(".name")):
        merged = merge(merged, _nested(key, settings[key]))
    merged.setdefault("name", name_after(path))
    folder = path.parent / str(merged.get("folder", ""))
    content = at_folder(merged, folder, str(path), Experiment)
    experiment = build_experiment(content, str(path))
    if "controller" not in experiment.selection.methods:
        raise InputError(
            f"{path}: selection.methods lacks controller, and what a controller learned is "
            "all that a sweep compares"
        )
    return Point(number, settings, tuple(experiment.with_seed(seed) for seed in sweep.seeds))


def _nested(key: str, value: Any) -> dict[str, Any]:
    """Nested settings from a dotted key: `a.b` and 1 give {"a": {"b": 1}}."""
    *parents, last = key.split(".")
    nested: dict[str, Any] = {last: value}
    for parent in reversed(parents):
        nested = {parent: nested}
    return nested


def _require_seeds(sweep: SweepConfig, path: Path) -> None:
    twice = [seed for i, seed in enumerate(sweep.seeds) if seed in sweep.seeds[:i]]
    if twice:
        raise InputError(
            f"{path}: seeds holds {twice[0]} twice, which would count one trial as two; "
            "give each seed once"
        )
    own = sweep.experiment.get("seed")
    if own is not None and own not in sweep.seeds:
        raise InputError(
            f"{path}: experiment.seed is {own!r}, and the trials have seeds: {list(sweep.seeds)}; "
            "give all of them as seeds, and leave experiment.seed out"
        )


def _require_different(points: list[Point], path: Path) -> None:
    """Refuse two points that are the same experiment, which would be run and ranked twice."""
    known: dict[str, Point] = {}
    for point in points:
        same = known.setdefault(point.experiments[0].hash, point)
        if same is not point:
            raise InputError(
                f"{path}: grid: {same.name!r} and {point.name!r} are the same experiment; give "
                "each value once"
            )
