"""`cells.yaml`, as the work it stands for."""

from collections.abc import Iterator
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from envs.episodes import SETS_PER_DECISION
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.experiment.config import merge
from rlsel.experiment.yaml_files import read_yaml
from rlsel.schema import config

from .learning import Cell, Pay

CELLS_FILE = Path(__file__).parent / "cells.yaml"
DECISIONS = 8
DRAWS = (10, 11, 12, 13, 14)
"""For reporting: settings were sought on those below 10, and two were chosen on these
(`cells.yaml`)."""


@config
class Study:
    """Cells that are looked at together: every combination of what is listed."""

    beds: tuple[str, ...]
    evaluations: tuple[int, ...]
    variants: dict[str, dict[str, Any]] = field(default_factory=lambda: {"default": {}})
    pays: tuple[Pay, ...] = ("reward",)
    draws: tuple[int, ...] = DRAWS
    seeds: tuple[int, ...] | None = None
    """Of the learning, on every draw; None takes that of the draw, one each."""


@cache
def studies() -> dict[str, Study]:
    return TypeAdapter(dict[str, Study]).validate_python(read_yaml(CELLS_FILE), strict=False)


def cells_of(name: str) -> Iterator[tuple[str, Cell]]:
    """Key and cell; draw by draw, so that what is there at any time is balanced."""
    study = studies()[name]
    for draw in study.draws:
        for seed in study.seeds or (draw,):
            for bed in study.beds:
                for pay in study.pays:
                    for variant, options in study.variants.items():
                        for evaluations in study.evaluations:
                            key = f"{bed} | {pay} | {variant} | {evaluations} | {draw} | {seed}"
                            yield (
                                key,
                                Cell(
                                    bed=bed,
                                    draw=draw,
                                    seed=seed,
                                    options=_options(options, evaluations),
                                    pay=pay,
                                ),
                            )


def _options(options: dict[str, Any], evaluations: int) -> dict[str, Any]:
    """The options, with as many iterations as make the evaluations."""
    algorithm = options.get("algorithm", {})
    episodes = algorithm.get("episodes", AlgorithmConfig().episodes)
    each = SETS_PER_DECISION[options.get("reward", {}).get("covers", "decision")]
    iterations = max(1, round(evaluations / (episodes * DECISIONS * each)))
    return merge(options, {"algorithm": {"iterations": iterations}})
