"""Keep the cache within its size limit by removing the least recently used entries first."""

import math
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from rlsel.errors import InputError
from rlsel.machine.progress import console

DEFAULT_GIB = 20.0
BEGAN = time.time()
"""When this process began, nearly; what was used later is in use by it, or by another one."""
_told: set[Path] = set()
ABANDONED_AFTER_S = 24 * 3600.0
"""No process writes an entry for so long. An older file with a temporary name is the remainder of a
killed process."""


def limit_bytes() -> float:
    """$RLSEL_CACHE_GIB, or 20 GiB.

    Raises:
        InputError: the variable is no number, or is below 0.
    """
    chosen = os.environ.get("RLSEL_CACHE_GIB") or str(DEFAULT_GIB)
    with suppress(ValueError):
        if (gib := float(chosen)) >= 0:
            return gib * 2**30
    raise InputError(f"RLSEL_CACHE_GIB is {chosen!r}; it takes a number of GiB, such as 20 or 0.5")


def mark_used(entry: Path) -> None:
    """Set the time of an entry's folder to now, so that `trim` removes the entry later."""
    with suppress(OSError):  # a read-only cache is not trimmed either
        os.utime(entry)


def trim(folder: Path, newest: Path, limit: float) -> None:
    """Remove entries until those in `folder` take up at most `limit` bytes; `newest` stays.

    A process that has mapped an entry can continue to read it, because the pages exist until it
    unmaps them. Network file systems guarantee that only to processes of the same machine.
    """
    total, in_use, dropped = 0, 0, []
    for used_at, entry in sorted(_by_time(folder), reverse=True):
        if entry.name.startswith("."):
            if time.time() - used_at > ABANDONED_AFTER_S:
                shutil.rmtree(entry, ignore_errors=True)
            continue
        size = _size(entry)
        total += size
        in_use += size if used_at >= BEGAN else 0
        if total > limit and entry != newest:
            remove(entry)
            dropped.append(used_at)
    if dropped and max(dropped) >= BEGAN:
        _say_too_small(folder, limit, in_use)
    elif dropped:
        console.print(
            f"{folder}: dropped the {len(dropped)} least recently used entries "
            f"to stay below {limit / 2**30:g} GiB (RLSEL_CACHE_GIB)",
            markup=False,
        )


def _say_too_small(folder: Path, limit: float, in_use: int) -> None:
    """Print once per folder what limit would have kept all that is in use so far."""
    if folder in _told:
        return
    _told.add(folder)
    needed = math.ceil(100 * in_use / 2**30) / 100
    console.print(
        f"{folder}: what was used since this command began exceeds RLSEL_CACHE_GIB "
        f"({limit / 2**30:g}), so some of it is made again later; set it to {needed:g} or more",
        markup=False,
    )


def temporary_beside(entry: Path) -> Path:
    """A name that no other process uses, and that is never read as an entry."""
    return entry.with_name(f".{entry.name}.{secrets.token_hex(4)}")


def remove(entry: Path) -> None:
    """Remove an entry. For other processes it disappears at once, by a rename."""
    aside = temporary_beside(entry)
    with suppress(OSError):  # another process removed it first, or the folder is read-only
        entry.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _by_time(folder: Path) -> list[tuple[float, Path]]:
    found = []
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):  # another process has just removed it
            found.append((entry.stat().st_mtime, entry))
    return found


def _size(entry: Path) -> int:
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in entry.rglob("*"))
    return 0
