"""Memory made short on purpose: by a balloon on a GPU, by a rule where there is none."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rlsel.machine.device_memory import GIB, release


class TensorsUpTo(TorchDispatchMode):
    """Within it there is no room for a tensor of more bytes than this.

    It stands in for a small GPU: whatever makes a larger tensor raises what PyTorch raises there.
    """

    def __init__(self, most_bytes: int, times: int | None = None) -> None:
        """Refuse tensors of more than `most_bytes`; with `times` no more than so many of them."""
        super().__init__()
        self.most_bytes, self.times = most_bytes, times
        self.refused = 0
        """Tensors that were too large."""

    @property
    def happened(self) -> bool:
        """Whether memory was short at all."""
        return self.refused > 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            is_large = isinstance(leaf, torch.Tensor) and leaf.nbytes > self.most_bytes
            if is_large and self.refused != self.times:
                self.refused += 1
                raise torch.OutOfMemoryError(f"{func}: more than {self.most_bytes} bytes")
        return result


def shortage(
    device: torch.device, left_gib: float, most_bytes: int, times: int | None = None
) -> "Balloon | TensorsUpTo":
    """Leave so much of a GPU, or refuse large tensors on a CPU; see `TensorsUpTo`."""
    return Balloon(left_gib) if device.type == "cuda" else TensorsUpTo(most_bytes, times)


class Balloon:
    """Within it the GPU is full but for so much."""

    def __init__(self, left_gib: float) -> None:
        self._left_gib = left_gib
        self._held: torch.Tensor | None = None
        self._before = 0
        self.happened = False
        """Whether memory was short at all."""

    def __enter__(self) -> "Balloon":
        self._held = filled(self._left_gib)
        self._before = _num_refused()
        return self

    def __exit__(self, *_: object) -> None:
        self.happened = _num_refused() > self._before
        self._held = None
        release()


def _num_refused() -> int:
    """Allocations that this process was refused so far."""
    return torch.cuda.memory_stats().get("num_ooms", 0)


def filled(left_gib: float) -> torch.Tensor:
    """What fills the GPU but for so much, as long as it is held."""
    release()
    torch.cuda.synchronize()
    free, _ = torch.cuda.mem_get_info()
    return torch.empty(max(0, free - int(left_gib * GIB)), dtype=torch.uint8, device="cuda")


def peak_gib(device: torch.device, work: Callable[[], object]) -> float:
    """GPU memory that `work` takes at its worst, beyond what was held before; 0 on a CPU."""
    if device.type != "cuda":
        work()
        return 0.0
    release()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    work()
    torch.cuda.synchronize()
    peak = torch.cuda.max_memory_reserved() - before
    release()
    return peak / GIB
