"""A pattern that all images of a class share is seen, and honest images are left alone."""

import numpy as np
import pytest

from rlsel.data.image_set import ImageSet
from rlsel.data.pattern import pattern_by_class, shared_pattern, warn_of_pattern

RNG = np.random.default_rng(0)
PATTERN_HW3 = RNG.normal(0, 1, (12, 17, 3))


def images(num: int, share: float = 0.0, seed: int = 0) -> np.ndarray:
    """Noise of different colours, of whose variance one pattern makes up a share."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 1, (num, *PATTERN_HW3.shape))
    colour = rng.uniform(-30, 30, (num, 1, 1, 3))
    x = 128 + colour + 25 * (np.sqrt(share) * PATTERN_HW3 + np.sqrt(1 - share) * own)
    return x.clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 1.0])
def test_it_is_the_share_of_the_variance_that_is_common(share: float) -> None:
    assert shared_pattern(images(60, share)) == pytest.approx(share, abs=0.03)


def test_it_is_the_mean_over_pairs() -> None:
    few = images(4, 0.3)
    pairs = [shared_pattern(few[[i, j]]) for i in range(4) for j in range(i)]

    assert shared_pattern(few) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_colours_that_all_have_are_no_pattern() -> None:
    plain = np.full((9, 12, 17, 3), (200, 90, 160), dtype=np.uint8)
    noise = np.random.default_rng(1).integers(0, 9, plain.shape).astype(np.uint8)

    assert abs(shared_pattern(plain + noise)) < 0.05
    assert shared_pattern(plain) == 0.0


def test_one_image_has_no_pairs() -> None:
    assert np.isnan(shared_pattern(images(1)))


def test_a_class_is_named_where_candidates_have_more_than_real_images() -> None:
    labels, ids = np.repeat([0, 1], 30), np.arange(60).astype(str)
    names = ("tissue", "aligned")
    real = ImageSet(np.concatenate((images(30), images(30, 0.5))), labels, names, ids)
    made = ImageSet(np.concatenate((images(30, 0.5), images(30, 0.5))), labels, names, ids)

    (warning,) = warn_of_pattern(pattern_by_class(made), pattern_by_class(real))

    assert "'tissue' share one pattern" in warning
