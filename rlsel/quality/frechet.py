"""Fréchet distance between sets of features, compared at equal numbers of images.

Shape letters: N images of one set, M of the other, F size of a feature, R rows of a factor.
"""

import numpy as np
from jaxtyping import Float

# torchmetrics is not used. Its function takes roots of the eigenvalues of S1 S2, which is neither
# symmetric nor of full rank: in its default float32 it gave 16.9 in place of 34.2 on features of
# PCam, and -12.1 for equal sets. Its class also requires images and a network.


def frechet_distance(one_NF: Float[np.ndarray, "n f"], other_MF: Float[np.ndarray, "m f"]) -> float:
    """Squared Fréchet distance of the Gaussians with the means and covariances of two sets.

    It is |m1 - m2|^2 + Tr S1 + Tr S2 - 2 Tr (S1 S2)^(1/2), in squared units of the features, and
    comparable only within one feature space.

    The plug-in estimate is biased upwards: two sets from one distribution are not at 0. The bias
    grows as the number of images falls, and is large with fewer images than dimensions. So never
    compare values at different numbers of images. At equal numbers a set of little variety still
    has a smaller bias, so read the value beside recall and coverage.

    Args:
        one_NF: At least two images; N may be smaller than F.

    Raises:
        ValueError: a set has fewer than two images.

    Sources: Dowson & Landau 1982 (the distance); Heusel et al. 2017 (its use; theirs are Inception
    features, ours are not, so values do not compare with published ones); Chong & Forsyth 2020
    (its bias); Mathiasen & Hvilshøj 2020 (the trace from factors rather than a matrix root).
    """
    smaller = min(len(one_NF), len(other_MF))
    if smaller < 2:
        raise ValueError(f"a covariance needs two images, a set has {smaller}")
    factor_RF, other_factor_RF = _covariance_factor(one_NF), _covariance_factor(other_MF)
    # With S1 = A^T A and S2 = B^T B, the eigenvalues of S1 S2 are the squared singular values of
    # A B^T. So no square root of a rounding error is taken, and equal sets come out at 1e-14.
    overlap = np.linalg.svd(factor_RF @ other_factor_RF.T, compute_uv=False).sum()
    shift_F = one_NF.mean(axis=0, dtype=np.float64) - other_MF.mean(axis=0, dtype=np.float64)
    spread = (factor_RF**2).sum() + (other_factor_RF**2).sum() - 2 * overlap
    return float(shift_F @ shift_F + max(spread, 0.0))


def _covariance_factor(features_NF: np.ndarray) -> np.ndarray:
    """A matrix A of at most F rows such that A^T A is the covariance (divisor n - 1)."""
    centred_NF = features_NF - features_NF.mean(axis=0, dtype=np.float64)
    factor_RF = np.linalg.qr(centred_NF / np.sqrt(len(features_NF) - 1), mode="r")
    return np.asarray(factor_RF)  # by its type stub NumPy returns (Q, R)
