"""`Task`: the input of the learning loop.

Shape letters: N candidates, M candidates of a shard.
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
        return self._select(probability_N, self.problem.labels_N)

    def select_of_shard(
        self, probability_M: Float[np.ndarray, " m"], shard: int
    ) -> Bool[np.ndarray, " n"]:
        """The selection from one shard alone, as a mask over the pool."""
        members_M = self.problem.members_of(shard)
        mask_N = np.zeros(self.problem.num_candidates, dtype=bool)
        mask_N[members_M] = self._select(probability_M, self.problem.labels_N[members_M])
        return mask_N

    def _select(self, probability_M: np.ndarray, labels_M: np.ndarray) -> np.ndarray:
        if self.keep_ranges:
            return keep_within_ranges(probability_M, labels_M, self.keep_ranges)
        return keep_most_probable(probability_M, self.keep_fraction)
