"""Memory made short on purpose: a balloon on a GPU, a rule where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rlsel.device_memory import GIB, release


class TensorsUpTo(TorchDispatchMode):
    """Within it the device has no room for a tensor of more bytes than this.

    It stands in for a small GPU: whatever makes a larger one raises what PyTorch raises there.
    """

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self.most_bytes = most_bytes
        self.refused = 0
        """Tensors that were too large."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.numel() * leaf.itemsize > self.most_bytes:
                self.refused += 1
                raise torch.OutOfMemoryError(f"{func}: more than {self.most_bytes} bytes")
        return result


@contextmanager
def balloon(left_gib: float) -> Iterator[float]:
    """Fill the GPU until so little is left; yields the GiB that were still free then."""
    release()
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(0, free - int(left_gib * GIB)), dtype=torch.uint8, device="cuda")
    try:
        yield torch.cuda.mem_get_info()[0] / GIB
    finally:
        del held
        release()
