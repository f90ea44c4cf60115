"""Whether the rewards of a run depend on what was kept: a test on these rewards.

Shape letters: R decisions taken in a run, X numbers that describe a kept set, T iterations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import ttest_1samp
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict

if TYPE_CHECKING:
    from rlsel.algorithms.advantages import Taken

NUM_FOLDS = 5
MIN_ITERATIONS = 4
SIGNIFICANT = 0.01
PENALTIES = np.logspace(-2, 4, 13)


@dataclass(frozen=True)
class Signal:
    """How well rewards are predicted from the kept sets, out of sample."""

    correlation: float
    """Correlation of predicted and paid rewards; about 0 or below if there is no signal."""
    p_value: float
    """Probability of this agreement or a better one without any signal; one-sided."""
    num_rewards: int

    @property
    def is_there(self) -> bool:
        return self.p_value < SIGNIFICANT


def find_signal(
    kept_sets_RX: Float[np.ndarray, "r x"],
    reward_R: Float[np.ndarray, " r"],
    decision_R: Int[np.ndarray, " r"],
    iteration_R: Int[np.ndarray, " r"],
) -> Signal | None:
    """Predict each reward from others by a ridge regression on the description of its kept set.

    Rewards and sets are centred within each decision and iteration, as advantages are. Whole
    iterations are left out at a time, so no set is predicted from others of its iteration. The test
    asks whether the covariance of predicted and paid rewards, one number for each iteration, is
    above 0 on average. Rewards of one iteration may depend on each other, as smoothed ones do.

    Returns:
        None if there are too few iterations, or if all rewards are equal.
    """
    cell_R = np.unique(np.column_stack((decision_R, iteration_R)), axis=0, return_inverse=True)[1]
    x_RX, y_R = _centred(kept_sets_RX, cell_R), _centred(reward_R[:, None], cell_R)[:, 0]
    num_iterations = len(np.unique(iteration_R))
    if num_iterations < MIN_ITERATIONS or np.allclose(y_R, 0) or np.allclose(x_RX, 0):
        return None
    x_RX = x_RX / np.where(x_RX.std(axis=0) > 1e-12, x_RX.std(axis=0), 1.0)
    folds = GroupKFold(min(NUM_FOLDS, num_iterations))
    model = RidgeCV(alphas=PENALTIES * len(y_R) / 1000)
    foretold_R = cross_val_predict(model, x_RX, y_R, groups=iteration_R, cv=folds)
    if np.allclose(foretold_R, 0):
        return Signal(0.0, 1.0, len(y_R))
    correlation = np.corrcoef(foretold_R, y_R)[0, 1]
    iterations_R = np.unique(iteration_R, return_inverse=True)[1]
    covariance_T = np.bincount(iterations_R, foretold_R * y_R) / np.bincount(iterations_R)
    p_value = ttest_1samp(covariance_T, 0.0, alternative="greater").pvalue
    return Signal(float(correlation), float(p_value), len(y_R))


def signal_in(iterations: "Sequence[Taken]") -> Signal | None:
    """`find_signal` for all decisions of a run."""
    numbers = [np.full(len(taken.reward_B), i) for i, taken in enumerate(iterations)]
    return find_signal(
        np.concatenate([taken.kept_sets_BX for taken in iterations]),
        np.concatenate([taken.reward_B for taken in iterations]),
        np.concatenate([taken.decision_B for taken in iterations]),
        np.concatenate(numbers),
    )


def describe_signal(signal: Signal) -> str:
    """One line for the terminal."""
    found = "the reward depends on what is kept" if signal.is_there else "no signal found"
    return (
        f"signal of the reward: {found} (correlation of foretold and paid rewards "
        f"{signal.correlation:.2f}, p = {signal.p_value:.1g}, n = {signal.num_rewards:,})"
    )


def warn_of_no_signal(signal: Signal) -> str:
    """The warning that a reward carries no signal, with what to do."""
    return (
        "this reward carries no signal: what was kept does not foretell it (correlation "
        f"{signal.correlation:.2f}, p = {signal.p_value:.2g}, n = {signal.num_rewards:,}), so the "
        "keep probabilities mean nothing; take another reward.metric or reward.fidelity, more "
        "validation images or more iterations"
    )


def _centred(values_RX: np.ndarray, cell_R: np.ndarray) -> np.ndarray:
    count_G = np.bincount(cell_R)
    sums_GX = np.zeros((len(count_G), values_RX.shape[1]))
    np.add.at(sums_GX, cell_R, values_RX)
    return values_RX - (sums_GX / count_G[:, None])[cell_R]
