"""Images that stay on the device as uint8 for a whole run, and the precision to compute in."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from rlsel.machine.device import Precision, arithmetic, multiplies_bf16, read_only
from rlsel.machine.device_memory import GIB, room_for


@dataclass(frozen=True)
class Resident:
    """Labelled images on one device. An RGB image of 32 x 32 takes 3 KiB."""

    images_NCHW: Shaped[Tensor, "n c h w"]
    """uint8 images, or float feature maps if only the later layers of a network are trained."""
    labels_N: Int[Tensor, " n"]

    @classmethod
    def put(
        cls,
        images_NHWC: UInt8[np.ndarray, "n h w c"],
        labels_N: Int[np.ndarray, " n"],
        device: torch.device,
    ) -> "Resident":
        """Put images on `device`; on a CPU they are used where they lie, without a copy.

        Channels stay last in memory, as is best for convolutions.

        Raises:
            DeviceFullError: the images do not fit.
        """
        num, height, width = images_NHWC.shape[:3]
        size_gib = images_NHWC.nbytes / GIB
        with room_for(
            f"{num:,} images of {height} x {width} px take {size_gib:.2f} GiB",
            "lower data.size_px or give fewer images",
        ):
            return cls(
                _on(images_NHWC, device).permute(0, 3, 1, 2),
                torch.from_numpy(np.array(labels_N, dtype=np.int64)).to(device),
            )

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def device(self) -> torch.device:
        return self.images_NCHW.device


def _on(images_NHWC: np.ndarray, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.tensor(images_NHWC, device=device)
    return read_only(images_NHWC)


def normalise(images_NCHW: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """uint8 0..255 to float32 -1..1; feature maps stay as they are."""
    if images_NCHW.is_floating_point():
        return images_NCHW
    return images_NCHW.to(torch.float32).div_(127.5).sub_(1.0)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The autocast context of `precision`; `auto` is bf16 if the hardware multiplies it."""
    wanted = arithmetic(precision, device.type, multiplies_bf16(device)).endswith("bf16")
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)
