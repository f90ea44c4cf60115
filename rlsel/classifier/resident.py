"""Images that live on the device as uint8 for a whole run, and the precision to compute in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from rlsel.machine.device_memory import GIB, room_for
from rlsel.machine.threads import few_threads

Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True)
class Resident:
    """Labelled images on one device. One byte a pixel: 3 KiB for an image of 32 x 32."""

    images_NCHW: Shaped[Tensor, "n c h w"]
    """uint8 images, or floats where what is trained starts from feature maps."""
    labels_N: Int[Tensor, " n"]

    @classmethod
    def put(
        cls,
        images_NHWC: UInt8[np.ndarray, "n h w c"],
        labels_N: Int[np.ndarray, " n"],
        device: torch.device,
    ) -> "Resident":
        """Copy images to `device`; channels stay last in memory, where convolutions want them.

        Raises:
            DeviceFullError: they do not fit.
        """
        num, height, width = images_NHWC.shape[:3]
        size_gib = images_NHWC.nbytes / GIB
        with room_for(
            f"{num:,} images of {height} x {width} px take {size_gib:.2f} GiB",
            "lower data.size_px or give fewer images",
        ):
            return cls(
                torch.tensor(images_NHWC, device=device).permute(0, 3, 1, 2),
                torch.from_numpy(np.array(labels_N, dtype=np.int64)).to(device),
            )

    def __len__(self) -> int:
        return len(self.labels_N)

    @property
    def device(self) -> torch.device:
        return self.images_NCHW.device


def normalise(images_NCHW: Shaped[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """uint8 0..255 to float32 -1..1; feature maps stay as they are."""
    if images_NCHW.is_floating_point():
        return images_NCHW
    return images_NCHW.to(torch.float32).div_(127.5).sub_(1.0)


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The autocast context of `precision`; `auto` is bf16 where the hardware multiplies it."""
    wanted = arithmetic(precision, device.type, multiplies_bf16(device)).endswith("bf16")
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def arithmetic(precision: Precision, device_type: str, has_bf16: bool) -> str:
    """What `precision` comes to on a device, such as `cpu fp32`: scores of two are not compared."""
    is_bf16 = precision == "bf16" or (precision == "auto" and has_bf16)
    return f"{device_type} {'bf16' if is_bf16 else 'fp32'}"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware does it natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Emulated bf16 is several times slower than fp32; these two instruction sets have it natively.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def computed_by() -> tuple[str, ...]:
    """What a training depends on besides its inputs: the last digits of it, with bf16 more."""
    device = best_device()
    is_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if is_gpu else torch.backends.cpu.get_cpu_capability()
    with few_threads():
        return device.type, name, str(torch.__version__), str(torch.get_num_threads())
