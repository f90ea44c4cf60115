"""Arrays that take long to compute, kept in the cache by the content that they follow from.

A run that goes on and the trials of a sweep find them there. Nothing here can make a run fail:
what cannot be read is computed anew, what cannot be written is left.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.cache.shared_work import sole_worker
from rlsel.machine.cache.trim import limit_bytes, mark_used, remove, temporary_beside, trim
from rlsel.machine.progress import console

FILE_NAME = "arrays.npz"
Arrays = Mapping[str, np.ndarray]


def kept(what: str, inputs: tuple[object, ...], compute: Callable[[], Arrays]) -> Arrays:
    """What `compute` returns, from disk where somebody computed it before.

    Args:
        what: Stands in messages, and in the key.
        inputs: All that the result depends on: arrays by their content, anything else by its
            `repr`. A version of the computation belongs there.

    Raises:
        InputError: RLSEL_CACHE_GIB is no number.
    """
    entry, limit = cache_folder() / "computed" / content_of(what, *inputs), limit_bytes()
    with sole_worker(entry, what) as is_cached:
        if is_cached and (found := _load(entry)) is not None:
            mark_used(entry)
            return found
        computed = compute()
        if is_cached:
            with suppress(OSError):  # a full disk, say: then it is computed again next time
                _save(entry, computed)
                trim(entry.parent, entry, limit)
    return computed


def content_of(*values: object) -> str:
    """Hash of arrays, by type, shape and content, and of anything else by its `repr`."""
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        if isinstance(value, np.ndarray):
            state.update(f"{value.dtype.str}{value.shape}\0".encode())
            state.update(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
        else:
            state.update(f"{value!r}\0".encode())
    return state.hexdigest()


def _load(entry: Path) -> Arrays | None:
    if not entry.exists():
        return None
    try:
        # Opened here: NumPy leaves a file open that it cannot read.
        with (entry / FILE_NAME).open("rb") as file, np.load(file) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, RuntimeError, BadZipFile):
        console.print(f"The cache entry {entry} is damaged and is made again.", markup=False)
        remove(entry)
        return None


def _save(entry: Path, computed: Arrays) -> None:
    temporary = temporary_beside(entry)
    try:
        temporary.mkdir()
        np.savez(temporary / FILE_NAME, **computed)  # pyright: ignore[reportArgumentType]
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
