"""Selectors that learn nothing. Their budget is the number the controller kept.

Shape letters: N candidates, R rounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rlsel.features import CandidateTable
from rlsel.selectors.selection import Selection


@dataclass(frozen=True)
class BaselineInputs:
    """What a baseline may look at."""

    table: CandidateTable
    num_keep: int
    num_rounds: int
    useful_N: Bool[np.ndarray, " n"] | None = None
    """The truth, where it is known; for the oracle alone."""

    @property
    def num_candidates(self) -> int:
        return len(self.table.labels)


def real_only(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep nothing: the classifier trained on the real images."""
    return Selection("real_only", np.zeros((1, inputs.num_candidates), dtype=bool))


def keep_all(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep every candidate."""
    return Selection("keep_all", np.ones((1, inputs.num_candidates), dtype=bool))


def uniform(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep as many as the budget at random, drawn anew for every round of the evaluation."""
    masks_RN = np.zeros((max(inputs.num_rounds, 1), inputs.num_candidates), dtype=bool)
    for mask_N in masks_RN:
        mask_N[rng.choice(inputs.num_candidates, inputs.num_keep, replace=False)] = True
    return Selection("uniform", masks_RN)


def centroid(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep what lies nearest to the real centroid of its class, equally much of every class.

    Candidates nearer to another class's centroid come last, whatever their distance. The original
    keeps a fixed ratio to the real images; here the budget is that of the rest, to be comparable.

    Source: reference [18] of Ye et al. 2020, as its authors' code has it.
    """
    table = inputs.table
    astray_N = table.other_distance < table.own_distance
    order_N = np.lexsort((table.own_distance, astray_N))
    mask_N = _take_per_class(order_N, table.labels, inputs.num_keep)
    return Selection("centroid", mask_N[None], -table.own_distance - 2.0 * astray_N)


def oracle(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep exactly what is known to be useful: the ceiling, for pools whose truth is known."""
    if inputs.useful_N is None:
        raise ValueError("the oracle needs a pool whose truth is known")
    return Selection("oracle", inputs.useful_N[None])


SELECTORS: dict[str, Callable[[BaselineInputs, np.random.Generator], Selection]] = {
    "real_only": real_only,
    "keep_all": keep_all,
    "uniform": uniform,
    "centroid": centroid,
    "oracle": oracle,
}


def _take_per_class(
    order_N: np.ndarray, labels_N: np.ndarray, num_keep: int
) -> Bool[np.ndarray, " n"]:
    """The first of `order_N` within each class, shares proportional to the classes' sizes."""
    share_N: Float[np.ndarray, " n"] = np.empty(len(labels_N))
    for label in np.unique(labels_N):
        members = order_N[labels_N[order_N] == label]
        share_N[members] = (np.arange(len(members)) + 0.5) / len(members)
    mask_N = np.zeros(len(labels_N), dtype=bool)
    mask_N[np.argsort(share_N, kind="stable")[:num_keep]] = True
    return mask_N
