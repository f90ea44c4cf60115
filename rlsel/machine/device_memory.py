"""If a GPU is full: name what did not fit, continue with smaller pieces, free unused memory."""

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
"""Parts of messages by which CUDA, cuBLAS, cuDNN and PyTorch report too little memory. A library
whose own workspace does not fit reports that it cannot start, or that it finds no kernel."""
GIB = 2**30


class DeviceFullError(InputError):
    """Memory is short. The message names what did not fit, the free memory, and a remedy."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any of the libraries means that memory was short.

    An aborted recording of a CUDA graph raises an error of its own, whose context is the cause.
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
    """Turn memory errors in the block into `DeviceFullError`. The innermost of nested blocks acts.

    Args:
        what: What needs the memory, such as `the training images (6,688 of 96 x 96 px)`.
        remedy: What the user may do, such as `lower data.size_px`.

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
    """The result of `work`; None if memory was short, after freeing all that `work` held."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # After the handler, because the error references the frames of `work` and so its tensors.
    release()
    return None


def in_chunks(work: Callable[[slice], T], num: int, size: int) -> Iterator[T]:
    """Run `work` on consecutive slices of `num` rows; a slice that does not fit is halved.

    Args:
        num: Number of rows. If it is 0, `work` is called once, with an empty slice.
        size: Rows of the first slice.

    Raises:
        the library's memory error, if even one row does not fit.
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
    """Return unused memory to the GPU, so that other processes can use it.

    PyTorch itself keeps all memory that it once had. Call this at the end of a stage, outside of
    the function whose variables still hold its tensors.
    """
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _device() -> str:
    """The device on which memory was short, and how much of it other processes hold."""
    if not torch.cuda.is_initialized():
        return "this machine"
    free, total = torch.cuda.mem_get_info()
    own = torch.cuda.memory_reserved()
    others = max(0, total - free - own)
    return (
        f"the GPU ({free / GIB:.1f} of {total / GIB:.1f} GiB free, {own / GIB:.1f} held here, "
        f"{others / GIB:.1f} by others)"
    )
