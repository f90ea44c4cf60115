"""A selection problem whose best answer is known exactly, for tests of learning."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from envs.types import SelectionProblem


@dataclass
class AdditiveReward:
    """The worth of a set is the sum of its members' worths, plus noise."""

    worth_N: Float[np.ndarray, " n"]
    """Worth of each candidate. The best set holds exactly the candidates above 0."""
    noise_std: float = 0.0
    """Standard deviation of the noise of every call, which stands for that of retraining."""
    rng: np.random.Generator | None = None

    def __call__(self, kept_N: Bool[np.ndarray, " n"]) -> float:
        noise = self.noise_std * self.rng.standard_normal() if self.rng and self.noise_std else 0.0
        return float(self.worth_N[kept_N].sum() + noise)

    @property
    def best_mask_N(self) -> Bool[np.ndarray, " n"]:
        return self.worth_N > 0

    @property
    def best_score(self) -> float:
        return float(self.worth_N[self.best_mask_N].sum())


def phantom_problem(
    rng: np.random.Generator,
    num_candidates: int = 61,
    num_decisions: int = 8,
    num_classes: int = 2,
    informative: float = 1.0,
    noise_std: float = 0.0,
) -> tuple[SelectionProblem, AdditiveReward]:
    """Candidates whose descriptors show their worth up to noise, cut into batches at random.

    Args:
        rng: Draws worths, labels, descriptors and batches.
        num_candidates: At least `num_decisions`. Batches of unequal size are padded.
        informative: Correlation of the first descriptor with the worth, in [0, 1].
        noise_std: Noise of the reward, relative to the worth of the best set.
    """
    worth_N = rng.standard_normal(num_candidates) / num_candidates
    labels_N = rng.integers(num_classes, size=num_candidates)
    hint_N = informative * worth_N * num_candidates
    hint_N += np.sqrt(1.0 - informative**2) * rng.standard_normal(num_candidates)
    descriptors_NF = np.column_stack((hint_N, np.eye(num_classes)[labels_N])).astype(np.float32)
    batches_DK = pad_rows(np.array_split(rng.permutation(num_candidates), num_decisions))
    problem = SelectionProblem(batches_DK, descriptors_NF, labels_N, num_classes)
    reward = AdditiveReward(worth_N, rng=rng)
    reward.noise_std = noise_std * reward.best_score
    return problem, reward


def pad_rows(rows: list[np.ndarray]) -> np.ndarray:
    """Stack rows of indices, filled up with -1 to equal length."""
    width = max(len(row) for row in rows)
    return np.stack([np.pad(row, (0, width - len(row)), constant_values=-1) for row in rows])
