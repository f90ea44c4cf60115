"""Sets of candidates that cost nothing to name: the best by a score, at several shares.

The sets of one score are nested, so a larger one holds all smaller ones. Every class keeps the same
share, unless a range limits it. A small number of such sets tells much about a pool: which score
ranks it, and how much of it is worth keeping.

Shape letters: N candidates, C classes, S sets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from rlsel.metrics import by_rank
from rlsel.selectors.selection import Selection

FRACTIONS = tuple(k / 8 for k in range(1, 8))
"""Shares of every class that are tried."""
NONE, ALL = "none", "all"
"""In the place of a score: the sets without any candidate, and with all that a range allows."""
METHOD = "free"


@dataclass(frozen=True)
class FreeSet:
    """One set."""

    score: str
    """A free score, `none` or `all`."""
    fraction: float
    """The share of the pool that it holds."""
    kept_N: Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class FreeSets:
    """All sets that were tried, each with its worth by a probe."""

    sets: tuple[FreeSet, ...]
    reward_val_S: Float[np.ndarray, " s"]
    """By which the best one is chosen."""
    selection_val_S: Float[np.ndarray, " s"]
    """On samples that chose nothing."""
    scores: Mapping[str, np.ndarray]

    @property
    def best(self) -> int:
        """Index of the best set; of equal ones it is the first, which is the simplest."""
        known_S = np.where(np.isfinite(self.reward_val_S), self.reward_val_S, -np.inf)
        return int(known_S.argmax())

    @property
    def selection(self) -> Selection:
        """The best set as the selection of a method."""
        found = self.sets[self.best]
        return Selection(METHOD, found.kept_N[None], self.scores.get(found.score))


def free_sets(
    scores: Mapping[str, Float[np.ndarray, " n"]],
    labels_N: Int[np.ndarray, " n"],
    ranges_C: Sequence[tuple[float, float]],
    fractions: Sequence[float] = FRACTIONS,
) -> list[FreeSet]:
    """The sets to try, each once: none, all, and for each score those of every share.

    Args:
        scores: Score -> values, the higher the better.
        ranges_C: Least and greatest share of each class that a set may hold. A share outside of it
            is moved to its nearer end.
    """
    sizes_C = np.bincount(labels_N, minlength=len(ranges_C))
    least_C, greatest_C = np.array(ranges_C, dtype=np.float64).T
    tried: set[bytes] = set()
    found = []
    for score, fraction, rank_N in _wanted(scores, labels_N, fractions):
        share_C = np.clip(fraction, least_C, greatest_C)
        kept_N = rank_N < np.floor(share_C * sizes_C + 0.5)[labels_N]
        if (key := np.packbits(kept_N).tobytes()) not in tried:
            tried.add(key)
            found.append(FreeSet(score, float(kept_N.mean()), kept_N))
    return found


def _wanted(
    scores: Mapping[str, np.ndarray], labels_N: np.ndarray, fractions: Sequence[float]
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Score, share, and the rank of every candidate in its class, the best 0."""
    by_lot_N = rank_within_class(np.zeros(len(labels_N)), labels_N)
    yield NONE, 0.0, by_lot_N
    yield ALL, 1.0, by_lot_N
    for score, score_N in scores.items():
        rank_N = rank_within_class(score_N, labels_N)
        yield from ((score, fraction, rank_N) for fraction in fractions)


def rank_within_class(
    score_N: Float[np.ndarray, " n"], labels_N: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Place of each candidate among those of its class, from 0 for the highest score."""
    order_N = by_rank(score_N)
    rank_N = np.empty(len(score_N), dtype=np.int64)
    for label in np.unique(labels_N):
        members = order_N[labels_N[order_N] == label]
        rank_N[members] = np.arange(len(members))
    return rank_N
