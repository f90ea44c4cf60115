"""Traditional augmentation, on the device and per batch: the paper's flips and colour jitter."""

import torch
from jaxtyping import Float
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def flip(images_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right, and top to bottom, with probability 1/2 each."""
    for axis in (2, 3):
        chosen_N = _uniform(images_NCHW, generator) < 0.5
        mirrored_NCHW = images_NCHW.flip(axis)
        images_NCHW = torch.where(chosen_N[:, None, None, None], mirrored_NCHW, images_NCHW)
    return images_NCHW


def jitter_colour(
    images_NCHW: Float[Tensor, "n 3 h w"], generator: torch.Generator, strength: float
) -> Float[Tensor, "n 3 h w"]:
    """Brightness, contrast and saturation, each times a factor in 1 +- `strength`.

    Args:
        images_NCHW: In -1..1; results stay there.
        strength: 0 changes nothing; the paper gives no value, torchvision users take 0.1 to 0.4.
    """
    x_NCHW = (images_NCHW + 1.0) / 2.0
    factors = [1 + strength * (2 * _uniform(x_NCHW, generator) - 1) for _ in range(3)]
    brightness_N, contrast_N, saturation_N = (f[:, None, None, None] for f in factors)
    luma = torch.tensor(LUMA, device=x_NCHW.device)[:, None, None]
    x_NCHW = x_NCHW * brightness_N
    grey_N1HW = (x_NCHW * luma).sum(1, keepdim=True)
    x_NCHW = torch.lerp(grey_N1HW.mean((2, 3), keepdim=True).expand_as(x_NCHW), x_NCHW, contrast_N)
    grey_N1HW = (x_NCHW * luma).sum(1, keepdim=True)
    x_NCHW = torch.lerp(grey_N1HW.expand_as(x_NCHW), x_NCHW, saturation_N)
    return x_NCHW.clamp(0.0, 1.0) * 2.0 - 1.0


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    # Drawn on the CPU, so the same seed augments alike on every device.
    return torch.rand(len(like), generator=generator).to(like.device)
