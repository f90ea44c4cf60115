"""How far the real images around a candidate agree with its label."""

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
    """Share of the nearest real images, by cosine similarity, that have the candidate's label.

    With fewer reference images than `num_neighbours` all of them vote. In [0, 1].
    """
    k = min(num_neighbours, len(reference_MF))
    reference_FM = normalise_rows(reference_MF).T
    shares = []
    for start in range(0, len(features_NF), CHUNK):
        part = slice(start, start + CHUNK)
        similarity_BM = normalise_rows(features_NF[part]) @ reference_FM
        nearest_BK = np.argpartition(-similarity_BM, k - 1, axis=1)[:, :k]
        shares.append((reference_labels_M[nearest_BK] == labels_N[part, None]).mean(axis=1))
    return np.concatenate(shares)
