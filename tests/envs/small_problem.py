"""A problem small enough to follow by hand: five candidates of two classes in three batches."""

from typing import Any

import numpy as np

from envs import SampleSelectionEnv, SelectionProblem

WORTH_N = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
"""Powers of two: every set of candidates has a sum of its own."""
DESCRIPTORS_NF = np.array(
    [[1, -7, 2], [3, 5, -4], [-6, 1, 1], [2, 2, 8], [-3, 4, 5]], dtype=np.float32
)
ACTIONS_DK = np.array([[1, 0], [1, 1], [0, 1]], dtype=np.int8)
"""Keeps candidate 3, then 4 (what stands on padding is ignored), then 2."""


def small_problem() -> SelectionProblem:
    return SelectionProblem(
        batches_DK=np.array([[3, 0], [4, -1], [1, 2]]),
        descriptors_NF=DESCRIPTORS_NF,
        labels_N=np.array([0, 1, 0, 0, 1]),
        num_classes=2,
    )


def squared_worth(kept_N: np.ndarray) -> float:
    """Not additive, so that a gain is not the worth of what was added."""
    return float(WORTH_N[kept_N].sum() ** 2 + 3.0)


def make(**settings: Any) -> SampleSelectionEnv:
    return SampleSelectionEnv(small_problem(), squared_worth, **settings)


def play(env: SampleSelectionEnv, actions_DK: np.ndarray = ACTIONS_DK) -> list[float]:
    """The rewards of one episode."""
    env.reset()
    return [env.step(action_K)[1] for action_K in actions_DK]
