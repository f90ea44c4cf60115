"""Where a GPU is full: name what did not fit, go on with less, give back what nobody uses."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

from rlsel.errors import InputError

T = TypeVar("T")
SIGNS = (
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "unable to find an engine",
)
"""Parts of messages by which CUDA, cuBLAS, cuDNN and PyTorch say that memory is short. A library
whose own workspace does not fit says that it cannot start, or finds no kernel."""
GIB = 2**30


class DeviceFullError(InputError):
    """Memory is short. The message says for what, how much is free, and what helps."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short, whichever library says so.

    A recording of a CUDA graph that breaks off raises an error of its own; what it was broken off
    by is the error's context.
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, DeviceFullError | torch.OutOfMemoryError):
            return True
        if isinstance(found, RuntimeError) and any(sign in str(found) for sign in SIGNS):
            return True
        found = found.__cause__ or found.__context__
    return False


@contextmanager
def room_for(what: str, remedy: str) -> Iterator[None]:
    """Turn errors of memory inside into `DeviceFullError`; of nested blocks the innermost does.

    Args:
        what: What needs the memory, such as `the training images (6,688 of 96 x 96 px)`.
        remedy: What a user may do, such as `lower data.size_px`.

    Raises:
        DeviceFullError: memory is short.
    """
    try:
        yield
    except DeviceFullError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceFullError(f"out of memory on {_device()}: {what}; {remedy}") from None


def if_it_fits(work: Callable[[], T]) -> T | None:
    """What `work` returns; None where memory was short, and then all that it held is free again."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Out of the handler: the error holds on to the frames of `work`, and they to tensors.
    release()
    return None


def in_chunks(work: Callable[[slice], T], num: int, size: int) -> Iterator[T]:
    """`work` on one slice after the other of `num` rows; slices are halved where one does not fit.

    Args:
        size: Rows of the first slice. Without any row `work` is called once, for none.

    Raises:
        whatever memory being short raises, if not even one row fits.
    """
    start = 0
    while start < num or start == 0:
        chunk = slice(start, min(start + size, num))
        done = work(chunk) if size == 1 else if_it_fits(partial(work, chunk))
        if done is None:
            size //= 2
            continue
        yield done
        if chunk.stop == num:
            return
        start = chunk.stop


def release() -> None:
    """Give memory that nobody uses back to the GPU, where other processes find it.

    PyTorch keeps what it once had. Call it where a stage has ended, outside of the function whose
    variables still hold its tensors.
    """
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _device() -> str:
    """Where memory was short, and how much of it others hold."""
    if not torch.cuda.is_initialized():
        return "this machine"
    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved()
    others = max(0, total - free - own)
    return (
        f"the GPU ({free / GIB:.1f} of {total / GIB:.1f} GiB free, {own / GIB:.1f} held here, "
        f"{others / GIB:.1f} by others)"
    )
