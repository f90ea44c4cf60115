"""Do the images of one set lie closer to some reference than those of another set?

Shape letters: N and H images.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm, rankdata


@dataclass(frozen=True)
class Closeness:
    """Are the distances of one set smaller than those of another?"""

    chance_closer: float
    """Chance that an image of the first set is closer than one of the second; 0.5 if equal."""
    p_value: float
    """Chance of at least so much closeness without a difference; one-sided. NaN if the sets share
    no class."""


def compare_closeness(
    distance_N: Float[np.ndarray, " n"],
    labels_N: Int[np.ndarray, " n"],
    other_distance_H: Float[np.ndarray, " h"],
    other_labels_H: Int[np.ndarray, " h"],
) -> Closeness:
    """One-sided Mann-Whitney test within classes, so that a different mix of classes has no effect.

    Sources: Meehan et al. 2020, whose C_T is this test of nearest distances within cells (ours are
    the classes); van Elteren 1960 for the weights. Ties count half, and the variance is corrected
    for them.
    """
    excess = variance = pairs = 0.0
    for c in np.intersect1d(labels_N, other_labels_H):
        mine, others = distance_N[labels_N == c], other_distance_H[other_labels_H == c]
        n, m = len(mine), len(others)
        rank = rankdata(-np.concatenate((mine, others)))
        weight = 1 / (n + m + 1)
        excess += weight * (rank[:n].sum() - n * rank.mean())
        variance += weight**2 * n * m / (n + m) * rank.var(ddof=1)
        pairs += weight * n * m
    if not pairs:
        return Closeness(float("nan"), float("nan"))
    z_score = excess / np.sqrt(variance) if variance else 0.0
    return Closeness(float(0.5 + excess / pairs), float(norm.sf(z_score)))
