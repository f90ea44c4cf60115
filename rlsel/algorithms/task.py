"""`Task`: what is to be learned, as the learning loop is handed it.

Shape letters: N candidates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from envs import RewardFn, SelectionProblem
from rlsel.algorithms.policy import keep_most_probable, keep_within_ranges
from rlsel.controllers import KeepRanges


@dataclass(frozen=True)
class Task:
    """What is to be learned: the problem, what it pays, and what chooses among checkpoints."""

    problem: SelectionProblem
    reward: RewardFn
    """Paid during learning; sees reward-val."""
    judge: RewardFn
    """Scores a whole selection after every iteration; sees selection-val, which no reward does."""
    env_settings: dict[str, Any]
    """`covers` and `alpha` of the environment."""
    keep_fraction: float | None = None
    """Share of the pool to keep; None leaves it to the controller."""
    keep_ranges: KeepRanges | None = None
    """Least and greatest share of each class that every decision keeps; None leaves it free."""
    class_names: tuple[str, ...] = ()
    """For the figures; without them classes go by number."""
    final_judge: RewardFn | None = None
    """Compares the best iterations once more; None leaves the choice to `judge`."""

    def select(self, probability_N: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """The mask that keep probabilities come to."""
        if self.keep_ranges:
            return keep_within_ranges(probability_N, self.problem.labels_N, self.keep_ranges)
        return keep_most_probable(probability_N, self.keep_fraction)
