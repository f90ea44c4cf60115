"""Test scores of the runs of a record, and what the controller is ahead of a method."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from recording import Record

from rlsel.metrics import mean_and_std

METRICS = ("accuracy", "auc", "sensitivity", "specificity")
Run = dict[str, Any]
"""What `rlsel run` leaves as `record.json`, one for each seed."""


def runs_of(record: Record) -> list[Run]:
    return list(record["cells"].values())


def rounds_of(runs: list[Run]) -> int:
    """How many classifiers each seed trains for each method."""
    return len(next(iter(runs[0]["scores"].values()))["accuracy"])


def series(runs: list[Run], method: str, metric: str) -> list[float]:
    """Means of the rounds of each seed, or the rounds where there is one seed."""
    values = [run["scores"][method][metric] for run in runs]
    return [mean_and_std(rounds)[0] for rounds in values] if len(runs) > 1 else values[0]


def gains(runs: list[Run], method: str, metric: str = "accuracy") -> np.ndarray:
    """The controller's scores less the method's, paired by seed, or by round of one seed."""
    ours, theirs = (np.array(series(runs, name, metric)) for name in ("controller", method))
    return ours - theirs


def score(runs: list[Run], method: str, metric: str) -> str:
    mean, std = mean_and_std(series(runs, method, metric))
    return f"{mean:.3f} ± {std:.3f}"


def mean_score(runs: list[Run], method: str, metric: str = "accuracy") -> float:
    return mean_and_std(series(runs, method, metric))[0]


def methods_of(runs: list[Run]) -> Iterable[str]:
    return runs[0]["scores"]
