"""The types in which an evaluation is asked for and answered.

Shape letters: N candidates.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from jaxtyping import Bool

from rlsel.metrics import METRICS

Fidelity = Literal["probe", "finetune", "full"]
LADDER: tuple[Fidelity, ...] = get_args(Fidelity)
"""From the cheapest to the most expensive."""
Split = Literal["reward_val", "selection_val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Job:
    """Train on real + these candidates, then score one split."""

    kept_N: Bool[np.ndarray, " n"]
    fidelity: Fidelity
    seed: int
    split: Split
    metrics: tuple[str, ...] = ()
    """Scores that the answer must have. A row of the ledger that lacks one, because it was written
    before there was that metric, does not count."""


@dataclass(frozen=True)
class Evaluation:
    """The result of a job."""

    scores: dict[str, list[float]]
    """Metric of `METRICS` -> its value after each validated epoch, oldest first; a probe has one
    entry. Higher is better."""
    num_train: int
    """Images trained on, real + kept."""
    train_s: float
    """Seconds the training took, validation included."""
    worker: str = "local"

    def best(self, metric: str) -> float:
        """The paper's reward: the best of the validated epochs.

        Values that are not finite are ignored. Without a finite one it is the worst score.
        """
        finite = [value for value in self.scores[metric] if math.isfinite(value)]
        return max([METRICS[metric].worst, *finite])

    def last(self, metric: str) -> float:
        """The value after the last epoch; it is used on test, where no epoch may be chosen."""
        return self.scores[metric][-1]


@runtime_checkable
class Evaluations(Protocol):
    """Carries out jobs: in this process (`LocalEvaluations`) or in a pool of Ray actors."""

    def one(self, job: Job) -> Evaluation:
        """Carry out one job, or answer it from the ledger."""
        ...

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        """Carry out jobs, in parallel if possible. Results come in the order of the jobs."""
        ...
