"""Traditional augmentation, on the device and per batch: the paper's flips and colour jitter.

These are pure functions of images and of random numbers drawn beforehand, so that a whole training
step can be recorded once and replayed. Shape letters: N images, K random numbers per image.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from rlsel.classifier.config import ClassifierConfig

LUMA = (0.299, 0.587, 0.114)
FLIP_DRAWS, JITTER_DRAWS = 2, 3


def num_draws(config: ClassifierConfig) -> int:
    """Number of random numbers in 0..1 that the augmentation of an image needs."""
    return FLIP_DRAWS * config.flips + JITTER_DRAWS * (config.colour_jitter > 0)


def augment(
    config: ClassifierConfig, images_NCHW: Float[Tensor, "n c h w"], draws_NK: Float[Tensor, "n k"]
) -> Float[Tensor, "n c h w"]:
    """Augment by the config, with `num_draws` random numbers per image.

    Args:
        images_NCHW: Images; or feature maps, if the config asks for no augmentation.
    """
    if config.flips:
        images_NCHW = flip(images_NCHW, draws_NK[:, :FLIP_DRAWS])
    if config.colour_jitter:
        images_NCHW = jitter_colour(images_NCHW, draws_NK[:, -JITTER_DRAWS:], config.colour_jitter)
    return images_NCHW


def flip(images_NCHW: Tensor, draws_N2: Float[Tensor, "n 2"]) -> Tensor:
    """Mirror each image left to right, and top to bottom, if its random number is below 1/2."""
    for axis, draw_N in zip((2, 3), draws_N2.unbind(1), strict=True):
        mirrored_NCHW = images_NCHW.flip(axis)
        images_NCHW = torch.where((draw_N < 0.5)[:, None, None, None], mirrored_NCHW, images_NCHW)
    return images_NCHW


def jitter_colour(
    images_NCHW: Float[Tensor, "n 3 h w"], draws_N3: Float[Tensor, "n 3"], strength: float
) -> Float[Tensor, "n 3 h w"]:
    """Multiply brightness, contrast and saturation, each by a factor in 1 +- `strength`.

    Args:
        images_NCHW: In -1..1; results stay in this range.
        strength: 0 changes nothing; the paper gives no value, torchvision users take 0.1 to 0.4.
    """
    x_NCHW = (images_NCHW + 1.0) / 2.0
    factors_N3 = 1 + strength * (2 * draws_N3 - 1)
    brightness_N, contrast_N, saturation_N = factors_N3.T[..., None, None, None]
    x_NCHW = x_NCHW * brightness_N
    mean_N111 = _grey(x_NCHW).mean((2, 3), keepdim=True)
    x_NCHW = torch.lerp(mean_N111.expand_as(x_NCHW), x_NCHW, contrast_N)
    x_NCHW = torch.lerp(_grey(x_NCHW).expand_as(x_NCHW), x_NCHW, saturation_N)
    return x_NCHW.clamp(0.0, 1.0) * 2.0 - 1.0


def _grey(x_NCHW: Tensor) -> Float[Tensor, "n 1 h w"]:
    # Plain numbers, because a tensor could not be moved to the device while a graph is recorded.
    red, green, blue = (w * x_NCHW[:, c : c + 1] for c, w in enumerate(LUMA))
    return red + green + blue
