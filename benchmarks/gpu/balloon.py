"""Memory made short on purpose: by a balloon on a GPU, by a rule where there is none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rlsel.device_memory import GIB, release


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
) -> AbstractContextManager:
    """Leave so much of a GPU, or refuse large tensors on a CPU; see `TensorsUpTo`."""
    return balloon(left_gib) if device.type == "cuda" else TensorsUpTo(most_bytes, times)


@contextmanager
def balloon(left_gib: float) -> Iterator[None]:
    """Fill the GPU until so little is left."""
    held = filled(left_gib)
    try:
        yield
    finally:
        del held
        release()


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
