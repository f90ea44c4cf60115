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
"""Size of one block of distances; 10,000 candidates against as many real images would take 763."""
ROUNDING = 1e-6
"""Tolerance as a share of the mean radius. Distances by dot products are off by about 1e-8."""


@dataclass(frozen=True)
class Manifold:
    """Four figures on two sets, each seen as the union of balls around its images.

    The radius of a ball is the distance to the k-th neighbour in the same set.
    """

    precision: float
    """Share of candidates inside the real balls: fidelity."""
    recall: float
    """Share of real images inside the candidates' balls: variety. One stray candidate inflates it,
    because its ball is large."""
    density: float
    """Mean number of real balls that hold a candidate, over k. It is 1 for real images, and can
    be larger."""
    coverage: float
    """Share of real images whose ball holds a candidate: variety, measured with the real balls. It
    is about 1 - 1 / 2^k for real images, at equal numbers."""


def compare_manifolds(
    candidates_NF: Float[np.ndarray, "n f"],
    real_MF: Float[np.ndarray, "m f"],
    num_neighbours: int = 5,
) -> Manifold:
    """All four figures, by exact Euclidean neighbours; an image is not its own neighbour.

    They depend on both numbers of images, so compare values at equal numbers only. An image on the
    rim of a ball counts as inside, as in Kynkäänniemi et al. The code of Naeem et al. counts it as
    outside, which makes a difference only if candidates are copies. Their package `prdc` is not
    used because it holds three full distance matrices.

    Raises:
        ValueError: a set has no more than `num_neighbours` images.

    Sources: Kynkäänniemi et al. 2019 (precision and recall, there with k = 3); Naeem et al. 2020
    (density and coverage, k = 5).
    """
    smaller = min(len(candidates_NF), len(real_MF))
    if smaller <= num_neighbours:
        raise ValueError(f"{num_neighbours} neighbours need more images than {smaller}")
    # Rounding errors grow with the distance from the origin, so the features are centred.
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
    """Distance of each image to its k-th nearest other image, plus a small tolerance.

    Without the tolerance, rounding would decide on images exactly on the rim, as copies are.
    """
    neighbours = NearestNeighbors(n_neighbors=num_neighbours, algorithm="brute").fit(features_NF)
    radius_N = neighbours.kneighbors()[0][:, -1]
    return radius_N + ROUNDING * radius_N.mean()


def _distances(
    candidates_NF: np.ndarray, real_MF: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances of candidates to all real images, one block of candidates at a time."""
    start = 0
    for distance_BM in pairwise_distances_chunked(
        candidates_NF, real_MF, working_memory=WORKING_MEMORY_MIB
    ):
        yield slice(start, start + len(distance_BM)), distance_BM
        start += len(distance_BM)
