"""Fréchet distance between sets of features, compared at equal numbers of images.

Shape letters: N images of one set, M of the other, F size of a feature, R rows of a factor.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

Pair = tuple[np.ndarray, np.ndarray]

# Not torchmetrics: three lines of it would be in use, and those take roots of the eigenvalues of
# S1 S2, which is neither symmetric nor of full rank. In its default float32 they gave 16.9 for 34.2
# on features of PCam, and -12.1 for equal sets. Its class also wants images and a network.


def frechet_distance(one_NF: Float[np.ndarray, "n f"], other_MF: Float[np.ndarray, "m f"]) -> float:
    """Squared Fréchet distance of the Gaussians with the means and covariances of two sets.

    It is |m1 - m2|^2 + Tr S1 + Tr S2 - 2 Tr (S1 S2)^(1/2), in squared units of the features, and
    comparable only within one feature space.

    The plug-in estimate is biased upwards, the more the fewer images there are, and badly so with
    fewer images than dimensions: two sets from one distribution are not at 0. So never compare
    values at different numbers of images; `frechet_at` and `frechet_floor` take equal numbers. At
    equal numbers a set of little variety still has the smaller bias: read it beside recall and
    coverage.

    Args:
        one_NF: At least two images, as few against F as it may be.

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
    # A B^T. No square root of a rounding error is taken: sets that are equal come out at 1e-14.
    overlap = np.linalg.svd(factor_RF @ other_factor_RF.T, compute_uv=False).sum()
    shift_F = one_NF.mean(axis=0, dtype=np.float64) - other_MF.mean(axis=0, dtype=np.float64)
    spread = (factor_RF**2).sum() + (other_factor_RF**2).sum() - 2 * overlap
    return float(shift_F @ shift_F + max(spread, 0.0))


def frechet_at(
    num_images: int,
    one_NF: Float[np.ndarray, "n f"],
    other_MF: Float[np.ndarray, "m f"],
    rng: np.random.Generator,
    num_draws: int = 5,
) -> float:
    """Mean distance over draws of `num_images` images from each set, without replacement."""
    draws = draw_equal(num_images, one_NF, other_MF, rng, num_draws)
    return float(np.mean([frechet_distance(*pair) for pair in draws]))


def frechet_floor(
    num_images: int, real_MF: Float[np.ndarray, "m f"], rng: np.random.Generator, num_draws: int = 5
) -> float:
    """What real images themselves score: mean distance of two disjoint draws of `num_images`."""
    draws = draw_disjoint(num_images, real_MF, rng, num_draws)
    return float(np.mean([frechet_distance(*pair) for pair in draws]))


def draw_equal(
    num_images: int,
    one_NF: Float[np.ndarray, "n f"],
    other_MF: Float[np.ndarray, "m f"],
    rng: np.random.Generator,
    num_draws: int,
) -> Iterator[Pair]:
    """Draws of `num_images` images from each of two sets.

    Raises:
        ValueError: a set has fewer images.
    """
    _require(num_images, min(len(one_NF), len(other_MF)))
    for _ in range(num_draws):
        one, other = (rng.permutation(len(images))[:num_images] for images in (one_NF, other_MF))
        yield one_NF[one], other_MF[other]


def draw_disjoint(
    num_images: int, real_MF: Float[np.ndarray, "m f"], rng: np.random.Generator, num_draws: int
) -> Iterator[Pair]:
    """Draws of twice `num_images` images of one set, cut in two that share no image.

    Raises:
        ValueError: the set has fewer than twice as many images.
    """
    _require(2 * num_images, len(real_MF))
    for _ in range(num_draws):
        drawn = rng.permutation(len(real_MF))[: 2 * num_images]
        yield real_MF[drawn[:num_images]], real_MF[drawn[num_images:]]


def _covariance_factor(features_NF: np.ndarray) -> np.ndarray:
    """A of no more rows than F with A^T A the covariance (divisor n - 1)."""
    centred_NF = features_NF - features_NF.mean(axis=0, dtype=np.float64)
    factor_RF = np.linalg.qr(centred_NF / np.sqrt(len(features_NF) - 1), mode="r")
    return np.asarray(factor_RF)  # NumPy's types take it for a pair with Q


def _require(num_needed: int, num_there: int) -> None:
    if num_there < num_needed:
        raise ValueError(f"{num_needed:,} images are to be drawn, a set has {num_there:,}")
