"""Large arrays in files: they may exceed the memory, and processes of one machine share them.

An array of rows that is made anew lies in a file of the cache if it is large. The system writes its
pages to the disk when memory gets short, and reads them again when they are asked for.
"""

import copyreg
import os
import platform
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.memory import require_memory
from rlsel.machine.wording import gib

LARGE_BYTES = 2**28
"""Smaller arrays stay in memory."""
BLOCK_BYTES = 2**26
"""Bytes of the rows that are worked on at once."""
_by_path: ContextVar[bool] = ContextVar("by_path", default=False)


def empty_rows(shape: tuple[int, ...], dtype: np.dtype | type, in_file: bool = False) -> np.ndarray:
    """An array to be filled: in memory if it is small or the cache cannot be written to.

    Args:
        in_file: Small ones lie in a file too, because other processes will fill them.

    Raises:
        InputError: neither the disk of the cache nor the memory has room for it.
        MemoryError: it is in memory, and there is none left.
    """
    num_bytes = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    if num_bytes < LARGE_BYTES and not in_file:
        return np.empty(shape, dtype)
    folder = cache_folder() / "rows"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        descriptor, name = tempfile.mkstemp(prefix=f"{_owner(os.getpid())}.", dir=folder)
    except OSError:
        return _in_memory(shape, dtype, num_bytes)
    try:
        os.posix_fallocate(descriptor, 0, num_bytes)  # a full disk would end the process later
        rows = np.memmap(name, dtype=dtype, mode="r+", shape=shape)
    except (OSError, OverflowError):
        Path(name).unlink()
        return _in_memory(shape, dtype, num_bytes)
    finally:
        os.close(descriptor)
    weakref.finalize(rows, Path(name).unlink, missing_ok=True)
    return rows


def _in_memory(shape: tuple[int, ...], dtype: np.dtype | type, num_bytes: int) -> np.ndarray:
    require_memory(
        num_bytes,
        f"{cache_folder()}: has no room for {gib(num_bytes)} of rows; without a file they",
        "set RLSEL_CACHE to a folder on a larger disk",
    )
    return np.empty(shape, dtype)


def take_rows(values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """`values[which]`, without a copy where these rows follow one another."""
    if which.dtype == bool:
        which = np.flatnonzero(which)
    if len(which) and which[0] >= 0 and (np.diff(which) == 1).all():
        return values[which[0] : which[-1] + 1]
    taken = empty_rows((len(which), *values.shape[1:]), values.dtype)
    for part in row_blocks(taken):
        taken[part] = values[which[part]]
    return taken


def join_rows(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all parts, which have one type and shape."""
    first = parts[0]
    joined = empty_rows((sum(map(len, parts)), *first.shape[1:]), np.result_type(*parts))
    start = 0
    for values in parts:
        for part in row_blocks(values):
            rows = values[part]
            joined[start : start + len(rows)] = rows
            start += len(rows)
    return joined


def row_blocks(rows: np.ndarray) -> Iterator[slice]:
    """Consecutive rows, as many at a time as have `BLOCK_BYTES`."""
    step = max(1, BLOCK_BYTES // max(1, rows[:1].nbytes))
    return (slice(start, start + step) for start in range(0, len(rows), step))


@contextmanager
def sent_by_path() -> Iterator[None]:
    """Within it, arrays in files are pickled as the path of their file.

    Only processes of this machine can read them, as long as the arrays are held here.
    """
    token = _by_path.set(True)
    try:
        yield
    finally:
        _by_path.reset(token)


def file_of(rows: np.ndarray) -> Path | None:
    """The file that holds these rows and nothing else; None if there is none."""
    path, offset = (isinstance(rows, np.memmap) and _whole_file(rows)) or (None, 0)
    return path if path and (offset, path.stat().st_size) == (0, rows.nbytes) else None


def _owner(pid: int) -> str:
    return f"{platform.node()}.{pid}"


def _remove_abandoned(folder: Path) -> None:
    """Remove the files of processes of this machine that were killed."""
    for path in folder.iterdir():
        owner, _, _ = path.name.rpartition(".")
        machine, _, pid = owner.rpartition(".")
        if machine == platform.node() and pid.isdigit() and not psutil.pid_exists(int(pid)):
            path.unlink(missing_ok=True)


def _reduced(rows: np.memmap) -> tuple[Any, ...]:
    whole = _whole_file(rows)
    if not _by_path.get() or whole is None:
        return np.asarray, (np.asarray(rows),)  # which pickles as any array, without a copy by Ray
    path, offset = whole
    return _mapped, (str(path), rows.dtype, rows.shape, offset)


def _whole_file(rows: np.memmap) -> tuple[Path, int] | None:
    """The file of a contiguous array and where in it the array begins; None of any other."""
    path = getattr(rows, "filename", None)
    root = rows
    while isinstance(root.base, np.memmap):
        root = root.base
    if path is None or not rows.flags.c_contiguous or not Path(path).exists():
        return None
    return Path(path), int(root.offset) + rows.ctypes.data - root.ctypes.data


def _mapped(path: str, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> np.ndarray:
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)


copyreg.pickle(np.memmap, _reduced)  # pyright: ignore[reportArgumentType]
