"""Differentiable augmentation of the images that the discriminator sees.

Real and generated images go through the same kinds of change, and gradients flow through to the
generator, so it still learns to make plain images. The class must survive the changes. Hues stay,
so a nucleus stays blue on a pink background. Nothing is scaled, so a nucleus keeps its size. Cutout
may hide the part that decides the class (in PCam the centre), in real and generated images equally
often.

Source: Zhao et al. 2020, section 4 and their code; the ranges are theirs, for images in -1..1.
Shape letters: B images, C channels, H rows, W columns, P pixels.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rlsel.classifier.augment import FLIP_DRAWS, flip
from rlsel.generators.histogan.config import Augmentation

BRIGHTNESS = (-0.5, 0.5)
SATURATION = (0.0, 2.0)
CONTRAST = (0.5, 1.5)
TRANSLATION_SHARE = 1 / 8
"""Largest shift, as a share of the height and of the width."""
CUTOUT_SHARE = 1 / 2
"""Height and width of the box that is cut out, as shares of those of the image."""


def augment(
    images_BCHW: Float[Tensor, "b c h w"],
    kinds: Sequence[Augmentation],
    generator: torch.Generator,
) -> Float[Tensor, "b c h w"]:
    """Apply the kinds one after the other, with separate random numbers for each image.

    Args:
        images_BCHW: In -1..1. Colours may leave that range, as in the source.
        generator: Source of all random numbers; it may be on another device than the images.
    """
    for kind in kinds:
        images_BCHW = _KINDS[kind](images_BCHW, generator)
    return images_BCHW


def mirror(
    images_BCHW: Float[Tensor, "b c h w"], generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Mirror each image up-down with chance 1/2, and left-right with chance 1/2."""
    draws_B2 = torch.rand(
        (len(images_BCHW), FLIP_DRAWS), generator=generator, device=generator.device
    )
    return flip(images_BCHW, draws_B2.to(images_BCHW.device))


def jitter_colour(
    images_BCHW: Float[Tensor, "b c h w"], generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Add to the brightness, and scale saturation about each pixel's grey and contrast about the
    image's mean."""
    brightness, saturation, contrast = (
        _uniform(images_BCHW, between, generator) for between in (BRIGHTNESS, SATURATION, CONTRAST)
    )
    x_BCHW = images_BCHW + brightness
    grey_B1HW = x_BCHW.mean(1, keepdim=True)
    x_BCHW = grey_B1HW + saturation * (x_BCHW - grey_B1HW)
    mean_B111 = x_BCHW.mean((1, 2, 3), keepdim=True)
    return mean_B111 + contrast * (x_BCHW - mean_B111)


def translate(
    images_BCHW: Float[Tensor, "b c h w"], generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Move each image by whole pixels, up to an eighth of its height and width."""
    down_B, right_B = (
        _integers(images_BCHW, -farthest, farthest, generator)
        for farthest in (_share(side, TRANSLATION_SHARE) for side in images_BCHW.shape[2:])
    )
    return move(images_BCHW, down_B, right_B)


def cut_out(
    images_BCHW: Float[Tensor, "b c h w"], generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Set a box of half the height and width to 0; its centre lies anywhere in the image."""
    height, width = images_BCHW.shape[2:]
    box = _share(height, CUTOUT_SHARE), _share(width, CUTOUT_SHARE)
    top_B, left_B = (
        # The centre of a box with an even side lies between pixels, so it has one more position.
        _integers(images_BCHW, 0, side - length % 2, generator) - length // 2
        for side, length in zip((height, width), box, strict=True)
    )
    return blank(images_BCHW, top_B, left_B, box)


def move(
    images_BCHW: Float[Tensor, "b c h w"], down_B: Int[Tensor, " b"], right_B: Int[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """Shift each image down and to the right by whole pixels, and fill with 0."""
    height, width = images_BCHW.shape[2:]
    row_BH = torch.arange(height, device=images_BCHW.device) - down_B[:, None]
    column_BW = torch.arange(width, device=images_BCHW.device) - right_B[:, None]
    inside_BHW = _within(row_BH, height)[:, :, None] & _within(column_BW, width)[:, None, :]
    source_BHW = (
        row_BH.clamp(0, height - 1)[:, :, None] * width + column_BW.clamp(0, width - 1)[:, None, :]
    )
    source_BCP = source_BHW.flatten(1)[:, None].expand(-1, images_BCHW.shape[1], -1)
    moved_BCHW = images_BCHW.flatten(2).gather(2, source_BCP).view(images_BCHW.shape)
    return moved_BCHW * inside_BHW[:, None]


def blank(
    images_BCHW: Float[Tensor, "b c h w"],
    top_B: Int[Tensor, " b"],
    left_B: Int[Tensor, " b"],
    box: tuple[int, int],
) -> Float[Tensor, "b c h w"]:
    """Set to 0 the part of a box of (height, width) that lies inside each image."""
    height, width = images_BCHW.shape[2:]
    row_BH = torch.arange(height, device=images_BCHW.device) - top_B[:, None]
    column_BW = torch.arange(width, device=images_BCHW.device) - left_B[:, None]
    inside_BHW = _within(row_BH, box[0])[:, :, None] & _within(column_BW, box[1])[:, None, :]
    return images_BCHW * ~inside_BHW[:, None]


def _within(places: Tensor, length: int) -> Tensor:
    return (places >= 0) & (places < length)


def _share(side: int, share: float) -> int:
    return int(side * share + 0.5)


def _uniform(
    images_BCHW: Tensor, between: tuple[float, float], generator: torch.Generator
) -> Float[Tensor, "b 1 1 1"]:
    least, most = between
    draws = torch.rand((len(images_BCHW), 1, 1, 1), generator=generator, device=generator.device)
    return (least + (most - least) * draws).to(images_BCHW)


def _integers(
    images_BCHW: Tensor, least: int, most: int, generator: torch.Generator
) -> Int[Tensor, " b"]:
    draws_B = torch.randint(
        least, most + 1, (len(images_BCHW),), generator=generator, device=generator.device
    )
    return draws_B.to(images_BCHW.device)


_KINDS: dict[Augmentation, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flip": mirror,
    "colour": jitter_colour,
    "translation": translate,
    "cutout": cut_out,
}
