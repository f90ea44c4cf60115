"""Selectors without a controller. Their budget is the number that the controller kept.

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
    """What a baseline may use."""

    table: CandidateTable
    num_keep: int
    num_rounds: int
    useful_N: Bool[np.ndarray, " n"] | None = None
    """The truth if it is known; only the oracle uses it."""
    peers: PeerInputs | None = None
    """Features and labels; peers and rules of the user use them."""
    num_keep_C: tuple[int, ...] | None = None
    """Candidates to keep of every class. It is set if a keep range limits the controller, so that
    no method has an advantage by the mix of classes alone. None leaves the mix to the method."""

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
    """Keep as many at random as the budget allows, drawn anew for every round of the evaluation."""
    masks_RN = np.zeros((max(inputs.num_rounds, 1), inputs.num_candidates), dtype=bool)
    for mask_N in masks_RN:
        mask_N[_first(rng.permutation(inputs.num_candidates), inputs)] = True
    return Selection("uniform", masks_RN)


def centroid(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep the candidates nearest to the real centroid of their class, equal shares of every class.

    Candidates nearer to the centroid of another class come last. Departure: the original keeps a
    number in a fixed ratio to the real images; here it is the budget of all methods.

    Source: reference [18] of Ye et al. 2020, as in its authors' code.
    """
    table = inputs.table
    astray_N = table.other_distance < table.own_distance
    order_N = np.lexsort((table.own_distance, astray_N))
    mask_N = np.zeros(inputs.num_candidates, dtype=bool)
    mask_N[_first(_classes_in_turn(order_N, table.labels), inputs)] = True
    return Selection("centroid", mask_N[None], -table.own_distance - 2.0 * astray_N)


def oracle(inputs: BaselineInputs, rng: np.random.Generator) -> Selection:
    """Keep exactly the useful candidates, in pools whose truth is known."""
    if inputs.useful_N is None:
        raise ValueError("the oracle needs a pool whose truth is known")
    return Selection("oracle", inputs.useful_N[None])


def peer(method: str) -> Selector:
    """The selector that keeps the candidates with the highest scores of a peer, of any class."""

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
    """The first candidates of an order, as many as the budget allows."""
    if inputs.num_keep_C is None:
        return order_N[: inputs.num_keep]
    labels_N = inputs.table.labels[order_N]
    first = [order_N[labels_N == label][:num] for label, num in enumerate(inputs.num_keep_C)]
    return np.concatenate(first)


def _classes_in_turn(order_N: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """An order that holds equal shares of every class from its beginning to any place."""
    share_N: Float[np.ndarray, " n"] = np.empty(len(labels_N))
    for label in np.unique(labels_N):
        members = order_N[labels_N[order_N] == label]
        share_N[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(share_N, kind="stable")
