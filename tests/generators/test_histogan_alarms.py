"""Trouble is told with what to try, and quiet trainings are left alone."""

from typing import Any

import numpy as np
import pytest

from rlsel.generators.histogan.alarms import excess_pattern, spread, warn_of_trouble


def rows(num: int = 12, **late: float) -> list[dict[str, Any]]:
    """Of a quiet training; the last quarter as it says."""
    quiet = {
        "loss_discriminator": 1.1,
        "spread": 0.9,
        "pattern": 0.02,
        "grad_norm_generator": 2.0,
        "grad_norm_discriminator": 3.0,
    }
    return [quiet | (late if i >= num - num // 4 else {}) for i in range(num)]


def test_a_quiet_training_raises_no_alarm() -> None:
    assert warn_of_trouble(rows()) == {}
    assert warn_of_trouble([]) == {}


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ({"loss_discriminator": 0.02}, "the discriminator wins outright"),
        ({"spread": 0.03}, "collapse: images of a class are nearly the same"),
        ({"pattern": 0.3}, "share one pattern: two of them correlate by 0.30 more than real"),
        ({"grad_norm_generator": 500.0}, "grad norm generator has grown to 5e+02, 250 times"),
        ({"grad_norm_discriminator": 500.0}, "grad norm discriminator has grown"),
    ],
)
def test_each_trouble_has_its_alarm(late: dict[str, float], expected: str) -> None:
    (warning,) = warn_of_trouble(rows(**late)).values()

    assert expected in warning
    assert "lower" in warning


def test_images_that_are_all_alike_have_no_spread_and_real_ones_that_of_real_ones() -> None:
    real = np.random.default_rng(0).integers(0, 256, (40, 5, 7, 3)).astype(np.uint8)

    assert spread([real[:20]], [real[20:]]) == pytest.approx(1.0, abs=0.1)
    assert spread([np.repeat(real[:1], 20, axis=0)], [real]) == 0.0


def test_the_spread_is_that_of_the_class_with_least() -> None:
    real = np.random.default_rng(0).integers(0, 256, (40, 5, 7, 3)).astype(np.uint8)

    assert spread([real[:20], np.repeat(real[:1], 20, axis=0)], [real, real]) == 0.0


def test_the_pattern_is_that_of_the_class_that_shares_most_of_one() -> None:
    real = np.random.default_rng(0).integers(0, 256, (40, 5, 7, 3)).astype(np.uint8)
    alike = np.repeat(real[:1], 20, axis=0)

    assert excess_pattern([real[:20], alike], [real, real]) == pytest.approx(1, abs=0.05)
    assert excess_pattern([alike], [alike]) == 0
