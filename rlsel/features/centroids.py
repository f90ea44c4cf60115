"""Class centroids and cosine distances to them.

Shape letters: N images, F size of a feature, C classes.
"""

import numpy as np
from jaxtyping import Float, Int

from rlsel.machine.mapped import row_blocks


def normalise_rows(x_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "n f"]:
    """Rows of length one. A row of zeros stays zero, and has distance 1 to everything."""
    return x_NF / np.maximum(np.linalg.norm(x_NF, axis=1, keepdims=True), 1e-12)


def class_centroids(
    features_NF: Float[np.ndarray, "n f"], labels_N: Int[np.ndarray, " n"], num_classes: int
) -> Float[np.ndarray, "c f"]:
    """Mean feature of each class.

    Args:
        features_NF: Features of real training images only; synthetic ones never move a centroid.

    Raises:
        ValueError: a class has no image.

    Source: Ye et al. 2020, section 3.1.
    """
    counts_C = np.bincount(labels_N, minlength=num_classes)
    if not counts_C.all():
        raise ValueError(f"class {int(counts_C.argmin())} has no image, so no centroid")
    return np.stack([features_NF[labels_N == c].mean(axis=0) for c in range(num_classes)])


def cosine_distances(
    features_NF: Float[np.ndarray, "n f"], centroids_CF: Float[np.ndarray, "c f"]
) -> Float[np.ndarray, "n c"]:
    """1 - cosine similarity of every feature to every centroid, in [0, 2]."""
    centroids_FC = normalise_rows(centroids_CF).T
    parts = [normalise_rows(features_NF[part]) @ centroids_FC for part in row_blocks(features_NF)]
    return np.clip(1.0 - np.concatenate(parts), 0.0, 2.0)


def own_and_other_distance(
    distances_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Distance to the centroid of the candidate's class, and to the nearest of the others."""
    rows = np.arange(len(labels_N))
    others_NC = distances_NC.copy()
    others_NC[rows, labels_N] = np.inf
    return distances_NC[rows, labels_N], others_NC.min(axis=1)
