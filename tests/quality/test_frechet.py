"""The Fréchet distance against closed forms and against SciPy's matrix root."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import sqrtm

from rlsel.quality.frechet import frechet_distance

RNG = np.random.default_rng(0)
ONE_NF = RNG.standard_normal((31, 7)) @ RNG.standard_normal((7, 7))
OTHER_MF = RNG.standard_normal((23, 7)) + 1


@pytest.fixture(autouse=True)
def the_same_draws_whichever_tests_run() -> None:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def by_matrix_root(one_NF: np.ndarray, other_MF: np.ndarray) -> float:
    one_FF, other_FF = np.cov(one_NF.T), np.cov(other_MF.T)
    root_FF = sqrtm(one_FF @ other_FF).real
    shift_F = one_NF.mean(axis=0) - other_MF.mean(axis=0)
    return shift_F @ shift_F + np.trace(one_FF + other_FF - 2 * root_FF)


def by_eigenvalues(one_NF: np.ndarray, other_MF: np.ndarray) -> float:
    """The usual shortcut where covariances have no inverse; it takes roots of rounding errors."""
    one_FF, other_FF = np.cov(one_NF.T), np.cov(other_MF.T)
    eigenvalues = np.linalg.eigvals(one_FF @ other_FF).astype(complex)
    shift_F = one_NF.mean(axis=0) - other_MF.mean(axis=0)
    return float(
        shift_F @ shift_F + np.trace(one_FF + other_FF) - 2 * np.sqrt(eigenvalues).real.sum()
    )


def with_moments(num: int, mean_F: np.ndarray, std_F: np.ndarray) -> np.ndarray:
    """Draws moved and stretched until mean and (diagonal) covariance are these exactly."""
    x_NF = RNG.standard_normal((num, len(mean_F)))
    x_NF -= x_NF.mean(axis=0)
    whitened_NF = np.linalg.qr(x_NF)[0] * np.sqrt(num - 1)
    return mean_F + whitened_NF * std_F


def test_it_is_that_of_a_matrix_root() -> None:
    assert frechet_distance(ONE_NF, OTHER_MF) == pytest.approx(by_matrix_root(ONE_NF, OTHER_MF))


def test_fewer_images_than_dimensions_are_no_trouble() -> None:
    one_NF, other_MF = RNG.standard_normal((11, 53)), RNG.standard_normal((13, 53)) * 2

    expected = by_eigenvalues(one_NF, other_MF)

    assert frechet_distance(one_NF, other_MF) == pytest.approx(expected, abs=1e-5)


def test_of_given_means_and_covariances_it_is_the_closed_form() -> None:
    mean_F, std_F = np.array([1.0, -2.0, 0.0]), np.array([1.0, 0.5, 3.0])
    other_mean_F, other_std_F = np.array([0.0, 2.0, 1.0]), np.array([2.0, 0.5, 0.1])

    distance = frechet_distance(
        with_moments(17, mean_F, std_F), with_moments(29, other_mean_F, other_std_F)
    )

    expected = ((mean_F - other_mean_F) ** 2 + (std_F - other_std_F) ** 2).sum()
    assert distance == pytest.approx(expected)


def test_many_draws_of_two_gaussians_approach_their_closed_form() -> None:
    one_NF = RNG.standard_normal((20_000, 3)) * [1.0, 2.0, 3.0]
    other_MF = RNG.standard_normal((20_000, 3)) * [2.0, 2.0, 1.0] + [1.0, 0.0, 0.0]

    assert frechet_distance(one_NF, other_MF) == pytest.approx(1 + 4 + 1, rel=0.05)


@pytest.mark.parametrize("num", [5, 600])
def test_equal_sets_are_at_zero(num: int) -> None:
    x_NF = RNG.standard_normal((num, 512)).astype(np.float32)

    assert frechet_distance(x_NF, x_NF[::-1]) == pytest.approx(0, abs=1e-9)


def test_a_shifted_set_is_at_the_squared_shift() -> None:
    shift_F = np.arange(7.0)

    assert frechet_distance(ONE_NF, ONE_NF + shift_F) == pytest.approx(shift_F @ shift_F)


@given(arrays(np.float64, (7, 5), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 100))
def test_it_is_symmetric_never_negative_and_grows_with_the_square_of_the_scale(
    one_NF: np.ndarray, scale: float
) -> None:
    other_MF = OTHER_MF[:, :5]

    distance = frechet_distance(one_NF, other_MF)

    assert distance >= 0
    tolerance = 1e-9 * (1 + np.square(one_NF).sum())
    assert frechet_distance(other_MF, one_NF) == pytest.approx(distance, abs=tolerance)
    scaled = frechet_distance(scale * one_NF, scale * other_MF)
    assert scaled == pytest.approx(scale**2 * distance, rel=1e-6, abs=scale**2 * tolerance)


def test_turning_the_space_changes_nothing() -> None:
    turn_FF = np.linalg.qr(RNG.standard_normal((7, 7)))[0]

    turned = frechet_distance(ONE_NF @ turn_FF, OTHER_MF @ turn_FF)

    assert turned == pytest.approx(frechet_distance(ONE_NF, OTHER_MF))


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="needs two images, a set has 1"):
        frechet_distance(ONE_NF, OTHER_MF[:1])
