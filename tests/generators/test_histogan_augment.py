"""Differentiable augmentation: what it moves, by how much, and that gradients pass."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rlsel.generators.histogan.augment import (
    augment,
    blank,
    cut_out,
    jitter_colour,
    mirror,
    move,
    translate,
)
from rlsel.generators.histogan.config import Augmentation

KINDS: tuple[Augmentation, ...] = get_args(Augmentation)
HEIGHT, WIDTH = 13, 17


def chances(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(num: int = 7, seed: int = 1) -> Tensor:
    """In -1..1 and never 0, so that what was set to 0 is told from what was there."""
    drawn_BCHW = torch.rand((num, 3, HEIGHT, WIDTH), generator=chances(seed)) + 0.01
    return drawn_BCHW * torch.where(drawn_BCHW > 0.5, 0.99, -0.99)


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    result = np.zeros_like(image)
    for i in range(HEIGHT):
        for j in range(WIDTH):
            if 0 <= i - down < HEIGHT and 0 <= j - right < WIDTH:
                result[:, i, j] = image[:, i - down, j - right]
    return result


@given(down=st.integers(-15, 15), right=st.integers(-19, 19))
@settings(max_examples=30, deadline=None)
def test_moving_shifts_pixels_and_fills_with_zeros(down: int, right: int) -> None:
    before_BCHW = images(2)

    after_BCHW = move(before_BCHW, torch.tensor([down, 2]), torch.tensor([right, -3]))

    assert np.array_equal(after_BCHW[0].numpy(), moved(before_BCHW[0].numpy(), down, right))
    assert np.array_equal(after_BCHW[1].numpy(), moved(before_BCHW[1].numpy(), 2, -3))


@given(top=st.integers(-7, 14), left=st.integers(-9, 18))
@settings(max_examples=30, deadline=None)
def test_a_blank_box_is_zero_inside_and_untouched_outside(top: int, left: int) -> None:
    before_BCHW = images(2)

    after_BCHW = blank(before_BCHW, torch.tensor([top, 3]), torch.tensor([left, 5]), (7, 9))

    expected = before_BCHW.numpy().copy()
    expected[0, :, max(0, top) : max(0, top + 7), max(0, left) : max(0, left + 9)] = 0
    expected[1, :, 3:10, 5:14] = 0
    assert np.array_equal(after_BCHW.numpy(), expected)


def test_translation_reaches_an_eighth_of_each_side_and_no_farther() -> None:
    # One bright pixel amid the image tells how far it went: 13 / 8 and 17 / 8, rounded, are 2.
    before_BCHW = torch.zeros(499, 3, HEIGHT, WIDTH)
    before_BCHW[:, :, 6, 8] = 1

    after_BCHW = translate(before_BCHW, chances())

    places = {(i - 6, j - 8) for _, i, j in after_BCHW[:, 0].nonzero().tolist()}
    assert places == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_cutout_takes_half_of_each_side_with_its_centre_anywhere() -> None:
    is_cut_BHW = cut_out(torch.ones(4999, 1, 8, 12), chances())[:, 0] == 0

    heights, widths = is_cut_BHW.any(2).sum(1), is_cut_BHW.any(1).sum(1)
    assert torch.equal(heights * widths, is_cut_BHW.sum((1, 2)))
    # A box of 4 x 6 whose centre is on the rim has half of each side inside.
    assert (heights.min(), heights.max(), widths.min(), widths.max()) == (2, 4, 3, 6)
    assert (is_cut_BHW.float().mean(0) > 0.05).all()


@pytest.mark.parametrize("box_of", [(7, 9), (8, 12)])
def test_cutout_favours_no_side(box_of: tuple[int, int]) -> None:
    share_HW = (cut_out(torch.ones(9973, 1, *box_of), chances())[:, 0] == 0).float().mean(0)

    torch.testing.assert_close(share_HW, share_HW.flip(0, 1), rtol=0, atol=0.04)


def test_mirroring_takes_each_of_the_four_ways_equally_often() -> None:
    image_CHW = images(1)[0]
    before_BCHW = image_CHW.expand(997, -1, -1, -1)

    after_BCHW = mirror(before_BCHW, chances())

    ways = [image_CHW, image_CHW.flip(1), image_CHW.flip(2), image_CHW.flip(1, 2)]
    shares = [(after_BCHW == way).all((1, 2, 3)).float().mean().item() for way in ways]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0.2


def test_colours_are_those_of_the_source() -> None:
    before_BCHW = images()

    after_BCHW = jitter_colour(before_BCHW, chances())

    generator = chances()
    brightness_B, saturation_B, contrast_B = (
        torch.rand((7, 1, 1, 1), generator=generator).flatten().tolist() for _ in range(3)
    )
    for b in range(7):
        x = before_BCHW[b].numpy() + (brightness_B[b] - 0.5)
        x = (x - x.mean(0)) * (2 * saturation_B[b]) + x.mean(0)
        x = (x - x.mean()) * (contrast_B[b] + 0.5) + x.mean()
        np.testing.assert_allclose(after_BCHW[b].numpy(), x, rtol=1e-4, atol=1e-5)


def test_colour_keeps_which_of_two_channels_is_the_stronger() -> None:
    # Hues decide what is nucleus and what is not: saturation may fade them, never swap them.
    before_BCHW = images(97)

    after_BCHW = jitter_colour(before_BCHW, chances())

    was, came = (x[:, 0] - x[:, 2] for x in (before_BCHW, after_BCHW))
    assert (was * came >= -1e-6).all()


def test_each_image_is_augmented_by_chances_of_its_own() -> None:
    same_BCHW = images(1).expand(11, -1, -1, -1)

    for kind in ("colour", "cutout"):
        after_BCHW = augment(same_BCHW, (kind,), chances())
        assert len({tuple(image.flatten().tolist()) for image in after_BCHW}) > 7


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_done_where_it_is_asked_for(kind: Augmentation) -> None:
    kinds = {
        "flip": mirror,
        "colour": jitter_colour,
        "translation": translate,
        "cutout": cut_out,
    }
    expected_BCHW = kinds[kind](images(), chances())

    assert torch.equal(augment(images(), (kind,), chances()), expected_BCHW)
    assert not torch.equal(expected_BCHW, images())


def test_without_any_kind_images_pass_as_they_are() -> None:
    generator = chances()

    assert torch.equal(augment(images(), (), generator), images())
    assert torch.equal(generator.get_state(), chances().get_state())


def test_all_chances_come_from_the_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()

    once_BCHW = augment(images(), KINDS, chances(3))
    again_BCHW = augment(images(), KINDS, chances(3))
    other_BCHW = augment(images(), KINDS, chances(4))

    assert torch.equal(once_BCHW, again_BCHW)
    assert not torch.equal(once_BCHW, other_BCHW)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_images_handed_in_are_left_alone() -> None:
    before_BCHW = images()

    augment(before_BCHW, KINDS, chances())

    assert torch.equal(before_BCHW, images())


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), KINDS])
def test_gradients_are_those_of_finite_differences(kinds: tuple[Augmentation, ...]) -> None:
    images_BCHW = images(3)[:, :, :5, :7].double().requires_grad_()

    assert torch.autograd.gradcheck(
        lambda x: augment(x, kinds, chances()), (images_BCHW,), fast_mode=True
    )


def test_every_pixel_that_is_left_hands_its_gradient_back() -> None:
    images_BCHW = images().requires_grad_()

    after_BCHW = augment(images_BCHW, ("translation", "cutout"), chances())
    (after_BCHW.sum()).backward()

    # A pixel that is seen once is paid for once; all seen are known by not being 0.
    assert images_BCHW.grad is not None
    assert set(images_BCHW.grad.unique().tolist()) == {0.0, 1.0}
    assert images_BCHW.grad.sum() == (after_BCHW != 0).sum()


def test_memory_format_does_not_matter() -> None:
    last_BCHW = images().to(memory_format=torch.channels_last)

    torch.testing.assert_close(
        augment(last_BCHW, KINDS, chances()), augment(images(), KINDS, chances())
    )
