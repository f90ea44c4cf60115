"""`FrozenNetwork`: a network that turns images into features, with the input that it expects.

Shape letters: N images, S pixels of a side, F size of a feature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from rlsel.errors import InputError
from rlsel.features.extractors.config import Channels
from rlsel.machine.device_memory import in_chunks, is_out_of_memory, room_for

PIXELS_AT_ONCE = 64 * 224 * 224
"""Pixels in a forward pass: activations of a ResNet50 then take 2 GiB."""
MOST_AT_ONCE = 512
"""Most images in a forward pass, reached with small images."""


@dataclass(frozen=True)
class FrozenNetwork:
    """A network in evaluation mode, without its last layer."""

    name: str
    model: nn.Module
    """(n, 3, s, s) -> (n, f)."""
    size_px: int
    mean: Channels
    std: Channels
    """Standard deviation of each channel, like `mean` on a scale of 0 to 1."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    @torch.inference_mode()
    def features_of(
        self,
        images_NHWC: UInt8[np.ndarray, "n h w 3"],
        device: torch.device,
        after: Callable[[int], None] = lambda num: None,
    ) -> Float[np.ndarray, "n f"]:
        """Features of every image, float32.

        Args:
            device: The device of `model`.
            after: Called after each forward pass with its number of images.

        Raises:
            DeviceFullError: memory is too short even for a single image.
        """

        def run(chunk: slice) -> np.ndarray:
            features_NF = self.model(self._as_fed(images_NHWC[chunk], device)).flatten(1).float()
            after(len(features_NF))
            return features_NF.cpu().numpy()

        num = max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // self.size_px**2))
        with room_for(
            f"{self.name} on images of {self.size_px} x {self.size_px} px",
            "lower features.extractor.size_px, or take a smaller network",
        ):
            return np.concatenate(list(in_chunks(run, len(images_NHWC), num)))

    def _as_fed(
        self, images_NHWC: UInt8[np.ndarray, "n h w 3"], device: torch.device
    ) -> Float[Tensor, "n 3 s s"]:
        """Images resized to a square and normalised. Channels stay last in memory, as is best for
        convolutions."""
        x_NCHW = torch.tensor(images_NHWC, device=device).permute(0, 3, 1, 2).float().div_(255)
        size = (self.size_px, self.size_px)
        if tuple(x_NCHW.shape[2:]) != size:
            x_NCHW = nn.functional.interpolate(
                x_NCHW, size, mode=self.interpolation, align_corners=False, antialias=True
            ).clamp_(0, 1)
        mean, std = (x_NCHW.new_tensor(each)[:, None, None] for each in (self.mean, self.std))
        return (x_NCHW - mean) / std


def require_fitting(network: FrozenNetwork) -> int:
    """Run one black image through the network, and return the size of its feature.

    Raises:
        InputError: the network refuses images of that size.
    """
    side = network.size_px
    try:
        black = np.zeros((1, side, side, 3), np.uint8)
        return network.features_of(black, torch.device("cpu")).shape[1]
    except (RuntimeError, ValueError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        raise InputError(misfit(network.name, side, error)) from None


def misfit(name: str, size_px: int, error: Exception) -> str:
    """The error message if a network refuses a size."""
    reason = [*str(error).splitlines(), type(error).__name__][0]
    return (
        f"features.extractor.size_px: {name} takes no images of {size_px} px ({reason}); leave "
        "size_px out for the size that it is usually fed"
    )
