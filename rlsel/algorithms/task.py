"""`Task`: the input of the learning loop.

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
    """The problem, its reward, and the score that chooses among iterations."""

    problem: SelectionProblem
    reward: RewardFn
    """Paid during learning; looks at reward-val."""
    judge: RewardFn
    """Scores a whole selection after every iteration; looks at selection-val."""
    env_settings: dict[str, Any]
    """`covers` and `alpha` of the environment."""
    keep_fraction: float | None = None
    """Share of the pool to keep; None leaves it to the controller."""
    keep_ranges: KeepRanges | None = None
    """Least and greatest share of each class that every decision keeps; None leaves it free."""
    class_names: tuple[str, ...] = ()
    """Names for the figures; if empty, classes are named by their numbers."""
    final_judge: RewardFn | None = None
    """Compares the best iterations once more; None leaves the choice to `judge`."""

    def select(self, probability_N: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """The selection that follows from keep probabilities, as a mask over the pool."""
        if self.keep_ranges:
            return keep_within_ranges(probability_N, self.problem.labels_N, self.keep_ranges)
        return keep_most_probable(probability_N, self.keep_fraction)
