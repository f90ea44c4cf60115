"""The device and the arithmetic with which a process computes."""

import warnings
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rlsel.machine.threads import few_threads

Precision = Literal["auto", "bf16", "fp32"]


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def read_only(values: np.ndarray) -> Tensor:
    """The array as a tensor on the CPU that nothing writes to, without a copy if it is contiguous.

    Arrays in Ray's object store and in files of the cache cannot be written to, and are accepted.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(values))


def arithmetic(precision: Precision, device_type: str, has_bf16: bool) -> str:
    """Device and actual precision, such as `cpu fp32`. Scores are compared only if it is equal."""
    is_bf16 = precision == "bf16" or (precision == "auto" and has_bf16)
    return f"{device_type} {'bf16' if is_bf16 else 'fp32'}"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bf16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Only these two instruction sets have bf16. Emulated, it is several times slower than fp32.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def computed_by() -> tuple[str, ...]:
    """The properties of device and software that affect a training: its last digits, or more for
    bf16."""
    device = best_device()
    is_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if is_gpu else torch.backends.cpu.get_cpu_capability()
    with few_threads():
        return device.type, name, str(torch.__version__), str(torch.get_num_threads())
