"""Agreement of a candidate's label with those of near real images, and nearest distances.

Shape letters: N query images, M reference images, K neighbours, F size of a feature, B images of a
chunk.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from rlsel.features.centroids import normalise_rows
from rlsel.machine.progress import progress_bar

MOST_DISTANCES = 2**25
"""Distances held at once; those of float32 take 128 MiB."""


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
    for part, similarity_BM in _similarities(features_NF, reference_MF):
        distance_BM = _as_distance(similarity_BM)
        nearest_BK = np.argpartition(distance_BM, k - 1, axis=1)[:, :k]
        weight_BK = 1.0 / np.maximum(np.take_along_axis(distance_BM, nearest_BK, axis=1), 1e-6)
        agrees_BK = reference_labels_M[nearest_BK] == labels_N[part, None]
        shares.append((weight_BK * agrees_BK).sum(axis=1) / weight_BK.sum(axis=1))
    return np.concatenate(shares)


def nearest_distance(
    features_NF: Float[np.ndarray, "n f"], reference_MF: Float[np.ndarray, "m f"]
) -> Float[np.ndarray, " n"]:
    """Cosine distance to the nearest reference image, in [0, 2]."""
    blocks = _similarities(features_NF, reference_MF)
    return _as_distance(np.concatenate([similarity_BM.max(axis=1) for _, similarity_BM in blocks]))


def nearest_of_another_class(
    features_NF: Float[np.ndarray, "n f"],
    labels_N: Int[np.ndarray, " n"],
    reference_MF: Float[np.ndarray, "m f"],
    reference_labels_M: Int[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    """Cosine distance to the nearest reference image with another label, in [0, 2]."""
    distance_N = np.full(len(features_NF), 2.0)
    for label in np.unique(labels_N):
        others_MF = reference_MF[reference_labels_M != label]
        if len(others_MF):
            of_class_N = labels_N == label
            distance_N[of_class_N] = nearest_distance(features_NF[of_class_N], others_MF)
    return distance_N


def nearest_other_distance(features_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, " n"]:
    """Cosine distance to the nearest of the other images, in [0, 2]; 2 if there is no other.

    Its time grows with the square of the number of images: 100,000 take minutes on two cores.
    """
    parts = []
    with progress_bar("nearest candidates", len(features_NF), after_s=5.0) as bar:
        for part, similarity_BN in _similarities(features_NF, features_NF):
            itself_B = np.arange(len(features_NF))[part]
            similarity_BN[np.arange(len(itself_B)), itself_B] = -1.0
            parts.append(similarity_BN.max(axis=1))
            bar.advance(len(itself_B))
    return _as_distance(np.concatenate(parts))


def _similarities(
    features_NF: np.ndarray, reference_MF: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Cosine similarities to all reference images, one block of rows at a time."""
    reference_FM = normalise_rows(reference_MF).T
    rows = max(1, MOST_DISTANCES // len(reference_MF))
    for start in range(0, len(features_NF), rows):
        part = slice(start, start + rows)
        yield part, normalise_rows(features_NF[part]) @ reference_FM


def _as_distance(similarity: np.ndarray) -> np.ndarray:
    return np.clip(1.0 - similarity, 0.0, 2.0)
