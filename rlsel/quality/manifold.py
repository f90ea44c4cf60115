"""Precision, recall, density and coverage: are candidates like real ones, and as varied?

Shape letters: N candidates, M real images, F size of a feature, B candidates compared at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

WORKING_MEMORY_MIB = 128
"""Of one block of distances; 10,000 candidates against as many real images would take 763."""
ROUNDING = 1e-6
"""Of the mean radius; distances come from dot products and are off by about 1e-8."""


@dataclass(frozen=True)
class Manifold:
    """Each set is taken for the union of balls around its images, out to the k-th neighbour."""

    precision: float
    """Share of candidates inside the real balls: fidelity."""
    recall: float
    """Share of real images inside the candidates' balls: variety. One stray candidate inflates it,
    as its ball is large."""
    density: float
    """Real balls that a candidate is in, over k; 1 is what real images have, more is possible."""
    coverage: float
    """Share of real images whose ball holds a candidate: variety, counted in the real balls. About
    1 - 1 / 2^k for real images, at equal numbers."""


def compare_manifolds(
    candidates_NF: Float[np.ndarray, "n f"],
    real_MF: Float[np.ndarray, "m f"],
    num_neighbours: int = 5,
) -> Manifold:
    """All four, by exact Euclidean neighbours; an image is none of its own.

    They depend on both numbers of images, so compare values at equal numbers only. An image on the
    rim of a ball is inside, as in Kynkäänniemi et al.; the code of Naeem et al. leaves it out,
    which only tells where candidates are copies. `prdc`, their package, holds three full matrices.

    Raises:
        ValueError: a set has no more than `num_neighbours` images.

    Sources: Kynkäänniemi et al. 2019 (precision and recall, there with k = 3); Naeem et al. 2020
    (density and coverage, k = 5).
    """
    smaller = min(len(candidates_NF), len(real_MF))
    if smaller <= num_neighbours:
        raise ValueError(f"{num_neighbours} neighbours need more images than {smaller}")
    # Rounding grows with the distance from the origin, so the origin is put among the images.
    origin_F = real_MF.mean(axis=0, dtype=np.float64)
    candidates_NF, real_MF = candidates_NF - origin_F, real_MF - origin_F
    candidate_radius_N = _radii(candidates_NF, num_neighbours)
    real_radius_M = _radii(real_MF, num_neighbours)
    num_balls_N = np.zeros(len(candidates_NF))
    recalled_M, covered_M = np.zeros((2, len(real_MF)), dtype=bool)
    for part, distance_BM in _distances(candidates_NF, real_MF):
        inside_BM = distance_BM <= real_radius_M
        num_balls_N[part] = inside_BM.sum(axis=1)
        covered_M |= inside_BM.any(axis=0)
        recalled_M |= (distance_BM <= candidate_radius_N[part, None]).any(axis=0)
    return Manifold(
        precision=float((num_balls_N > 0).mean()),
        recall=float(recalled_M.mean()),
        density=float(num_balls_N.mean() / num_neighbours),
        coverage=float(covered_M.mean()),
    )


def _radii(features_NF: np.ndarray, num_neighbours: int) -> np.ndarray:
    """Distance of each image to its k-th nearest other one, and a hair more.

    The hair keeps rounding from deciding about images on the rim, where copies put each other.
    """
    neighbours = NearestNeighbors(n_neighbors=num_neighbours, algorithm="brute").fit(features_NF)
    radius_N = neighbours.kneighbors()[0][:, -1]
    return radius_N + ROUNDING * radius_N.mean()


def _distances(
    candidates_NF: np.ndarray, real_MF: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances of some candidates at a time to all real images."""
    start = 0
    for distance_BM in pairwise_distances_chunked(
        candidates_NF, real_MF, working_memory=WORKING_MEMORY_MIB
    ):
        yield slice(start, start + len(distance_BM)), distance_BM
        start += len(distance_BM)
