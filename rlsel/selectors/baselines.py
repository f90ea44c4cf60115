"""Selectors that learn no controller. Their budget is the number the controller kept.

Shape letters: N candidates, R rounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rlsel.features import CandidateTable
from rlsel.metrics import by_rank
from rlsel.selectors.peers import PEERS, PeerInputs, score_candidates
from rlsel.selectors.selection import Selection


@dataclass(frozen=True)
class BaselineInputs:
    """What a baseline may look at."""

    table: CandidateTable
    num_keep: int
    num_rounds: int
    useful_N: Bool[np.ndarray, " n"] | None = None
    """The truth, where it is known; for the oracle alone."""
    peers: PeerInputs | None = None
    """Features and labels; for the peers alone."""
    num_keep_C: tuple[int, ...] | None = None
    """Of every class, where a keep range has fixed the mix for the controller, so that nobody
    gains by the mix alone; None leaves it to the method."""

    @property
    def num_candidates(self) -> int:
        return len(self.table.labels)


Selector = Callable[[BaselineInputs, np.random.Generator], Selection]


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
        mask_N[_first(rng.permutation(inputs.num_candidates), inputs)] = True
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
    mask_N = np.zeros(inputs.num_candidates, dtype=bool)
    mask_N[_first(_classes_in_turn(order_N, table.labels), inputs)] = True
    return Selection("centroid", mask_N[None], -table.own_distance - 2.0 * astray_N)


def oracle(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep exactly what is known to be useful: the ceiling, for pools whose truth is known."""
    if inputs.useful_N is None:
        raise ValueError("the oracle needs a pool whose truth is known")
    return Selection("oracle", inputs.useful_N[None])


def peer(method: str) -> Selector:
    """The selector that keeps what a peer scores highest, whatever the class."""

    def select(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
        if inputs.peers is None:
            raise ValueError(f"{method} needs the features of the candidates")
        score_N = score_candidates(method, inputs.peers, rng)
        mask_N = np.zeros(inputs.num_candidates, dtype=bool)
        mask_N[_first(by_rank(score_N, rng), inputs)] = True
        return Selection(method, mask_N[None], score_N)

    return select


SELECTORS: dict[str, Selector] = {
    "real_only": real_only,
    "keep_all": keep_all,
    "uniform": uniform,
    "centroid": centroid,
    "oracle": oracle,
    **{method: peer(method) for method in PEERS},
}


def _first(order_N: np.ndarray, inputs: BaselineInputs) -> np.ndarray:
    """The candidates that the budget has room for."""
    if inputs.num_keep_C is None:
        return order_N[: inputs.num_keep]
    labels_N = inputs.table.labels[order_N]
    first = [order_N[labels_N == label][:num] for label, num in enumerate(inputs.num_keep_C)]
    return np.concatenate(first)


def _classes_in_turn(order_N: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """Any beginning of it holds equal shares of every class, each in the order given."""
    share_N: Float[np.ndarray, " n"] = np.empty(len(labels_N))
    for label in np.unique(labels_N):
        members = order_N[labels_N[order_N] == label]
        share_N[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(share_N, kind="stable")
