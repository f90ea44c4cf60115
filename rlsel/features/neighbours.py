"""Agreement of a candidate's label with those of near real images, and nearest distances.

Shape letters: N query images, M reference images, K neighbours, F size of a feature, B images of a
chunk.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from rlsel.features.centroids import normalise_rows

CHUNK = 1024
"""Candidates compared at once; bounds memory to CHUNK x reference images."""


def knn_label_agreement(
    features_NF: Float[np.ndarray, "n f"],
    labels_N: Int[np.ndarray, " n"],
    reference_MF: Float[np.ndarray, "m f"],
    reference_labels_M: Int[np.ndarray, " m"],
    num_neighbours: int,
) -> Float[np.ndarray, " n"]:
    """Share of the nearest real images that have the candidate's label, in [0, 1].

    Votes are weighted by the inverse of the cosine distance. With fewer reference images than
    `num_neighbours`, all of them vote.
    """
    k = min(num_neighbours, len(reference_MF))
    shares = []
    for part, distance_BM in _distances(features_NF, reference_MF):
        nearest_BK = np.argpartition(distance_BM, k - 1, axis=1)[:, :k]
        weight_BK = 1.0 / np.maximum(np.take_along_axis(distance_BM, nearest_BK, axis=1), 1e-6)
        agrees_BK = reference_labels_M[nearest_BK] == labels_N[part, None]
        shares.append((weight_BK * agrees_BK).sum(axis=1) / weight_BK.sum(axis=1))
    return np.concatenate(shares)


def nearest_distance(
    features_NF: Float[np.ndarray, "n f"], reference_MF: Float[np.ndarray, "m f"]
) -> Float[np.ndarray, " n"]:
    """Cosine distance to the nearest reference image, in [0, 2]."""
    parts = [distance_BM.min(axis=1) for _, distance_BM in _distances(features_NF, reference_MF)]
    return np.concatenate(parts)


def nearest_other_distance(features_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, " n"]:
    """Cosine distance to the nearest of the other images, in [0, 2]; 2 if there is no other."""
    parts = []
    for part, distance_BN in _distances(features_NF, features_NF):
        itself_B = np.arange(len(features_NF))[part]
        distance_BN[np.arange(len(itself_B)), itself_B] = 2.0
        parts.append(distance_BN.min(axis=1))
    return np.concatenate(parts)


def _distances(
    features_NF: np.ndarray, reference_MF: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Cosine distances to all reference images, one block of rows at a time."""
    reference_FM = normalise_rows(reference_MF).T
    for start in range(0, len(features_NF), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, np.clip(1.0 - normalise_rows(features_NF[part]) @ reference_FM, 0.0, 2.0)
