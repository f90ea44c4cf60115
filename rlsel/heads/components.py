"""Principal components of very many rows, without a second copy of them.

Shape letters: N rows, F features, P components.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from rlsel.machine.mapped import row_blocks


def mean_and_directions(
    parts: Sequence[Float[np.ndarray, "_ f"]], num: int
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "f p"], Float[np.ndarray, " p"]]:
    """Mean of all rows of all parts, their directions of largest variance, and these variances.

    The directions are eigenvectors of the (F, F) covariance, in double precision. The number of
    largest size in each is positive, since the sign of an eigenvector means nothing.

    Returns:
        `num` directions, the largest variance first; fewer if there are fewer rows or features.
    """
    count = sum(len(part) for part in parts)
    mean_F = np.sum([part.sum(axis=0, dtype=np.float64) for part in parts], axis=0) / count
    covariance_FF = np.zeros((len(mean_F), len(mean_F)))
    for part in parts:
        for rows in row_blocks(part):
            centred_BF = part[rows] - mean_F
            covariance_FF += centred_BF.T @ centred_BF
    variance_F, directions_FF = np.linalg.eigh(covariance_FF / count)  # the largest last
    num = min(num, count, len(mean_F))
    largest_FP = directions_FF[:, ::-1][:, :num]
    strongest_P = np.abs(largest_FP).argmax(axis=0)
    signs_P = np.sign(largest_FP[strongest_P, np.arange(num)])
    return mean_F, largest_FP * signs_P, np.maximum(variance_F[::-1][:num], 0.0)


def project(
    x_NF: Float[np.ndarray, "n f"],
    mean_F: Float[np.ndarray, " f"],
    directions_FP: Float[np.ndarray, "f p"],
) -> Float[np.ndarray, "n p"]:
    """Coordinates of the rows along the directions, in double precision."""
    projected_NP = np.empty((len(x_NF), directions_FP.shape[1]))
    for rows in row_blocks(x_NF):
        projected_NP[rows] = (x_NF[rows] - mean_F) @ directions_FP
    return projected_NP
