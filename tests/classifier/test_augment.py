"""Flips and colour jitter: what they may change, and what not."""

import pytest
import torch
from torch import Tensor

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.augment import augment, flip, jitter_colour, num_draws


def draws(num: int, each: int, seed: int = 0) -> Tensor:
    return torch.rand((num, each), generator=torch.Generator().manual_seed(seed))


def images(num: int = 97) -> Tensor:
    return draws(num, 3 * 5 * 7, seed=1).view(num, 3, 5, 7) * 2 - 1


def test_a_flipped_image_is_one_of_its_four_mirrorings() -> None:
    before_NCHW = images()

    after_NCHW = flip(before_NCHW, draws(97, 2))

    counts = [0, 0, 0, 0]
    for before, after in zip(before_NCHW, after_NCHW, strict=True):
        mirrored = (before, before.flip(1), before.flip(2), before.flip(1, 2))
        matches = [torch.equal(after, one) for one in mirrored]
        assert sum(matches) == 1
        counts[matches.index(True)] += 1
    assert min(counts) > 97 / 4 / 2


def test_flipping_leaves_the_images_handed_in_alone() -> None:
    before_NCHW = images()

    flip(before_NCHW, draws(97, 2))

    assert torch.equal(before_NCHW, images())


def test_jitter_of_strength_zero_changes_nothing() -> None:
    torch.testing.assert_close(jitter_colour(images(), draws(97, 3), 0.0), images())


@pytest.mark.parametrize("strength", [0.1, 0.4, 1.0])
def test_jitter_stays_in_range(strength: float) -> None:
    after_NCHW = jitter_colour(images(), draws(97, 3), strength)

    assert after_NCHW.min() >= -1
    assert after_NCHW.max() <= 1
    assert not torch.allclose(after_NCHW, images())


def test_images_are_jittered_each_by_factors_of_their_own() -> None:
    same_NCHW = images(1).expand(7, -1, -1, -1) / 4

    after_NCHW = jitter_colour(same_NCHW, draws(7, 3), 0.2)

    assert len({tuple(image.flatten().tolist()) for image in after_NCHW}) == 7


def test_a_uniform_grey_image_gets_brighter_or_darker_and_nothing_else() -> None:
    # 0.3 in 0..1; contrast and saturation have nothing to work on.
    grey_NCHW = torch.full((31, 3, 5, 7), 0.3 * 2 - 1)

    after_NCHW = (jitter_colour(grey_NCHW, draws(31, 3), 0.2) + 1) / 2

    factor_N = after_NCHW[:, 0, 0, 0] / 0.3
    torch.testing.assert_close(
        after_NCHW, (0.3 * factor_N)[:, None, None, None].expand(-1, 3, 5, 7)
    )
    assert factor_N.min() >= 0.8 - 1e-5
    assert factor_N.max() <= 1.2 + 1e-5
    assert factor_N.max() - factor_N.min() > 0.2


@pytest.mark.parametrize(("flips", "colour_jitter"), [(0, 0.0), (1, 0.0), (0, 0.2), (1, 0.2)])
def test_what_the_config_asks_for_is_done(flips: bool, colour_jitter: float) -> None:
    config = ClassifierConfig(flips=bool(flips), colour_jitter=colour_jitter)
    draws_NK = draws(97, num_draws(config))

    after_NCHW = augment(config, images(), draws_NK)

    expected_NCHW = flip(images(), draws_NK[:, :2]) if flips else images()
    if colour_jitter:
        expected_NCHW = jitter_colour(expected_NCHW, draws_NK[:, -3:], colour_jitter)
    assert torch.equal(after_NCHW, expected_NCHW)
    assert draws_NK.shape[1] == 2 * flips + 3 * (colour_jitter > 0)
