"""Exclusive use of a folder by one process: a lock, and a note that names the process.

The operating system holds the lock and frees it when the process ends in any way. So a note alone,
which a killed process may leave behind, does not mean that the folder is in use.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rlsel.errors import InputError
from rlsel.machine.atomic_files import REMEDIES, make_folder, writing
from rlsel.machine.progress import console

LOCK = ".lock"
HOLDER = ".lock-holder"
PATIENCE_S = 2.0
"""Seconds to wait for a lock. A command that only asks who holds a folder takes the lock for a
moment, and the workers of a killed run take a moment to end."""


class FolderLock:
    """Holds a folder until it is released or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Lock a folder, which must exist.

        Raises:
            InputError: another process holds the folder (the message names it), or the folder
                cannot be written to.
        """
        self._folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)
        try:
            self._lock.acquire(timeout=PATIENCE_S)
            (folder / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        except Timeout:
            raise InputError(
                f"{folder}: is in use by {_holder(folder)}; wait for it or end it, or choose "
                "another --out"
            ) from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            _go_on_without(folder, error)

    def release(self) -> None:
        """Release the folder. A second call changes nothing."""
        if self._lock.is_locked:
            with suppress(OSError):
                (self._folder / HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def give_up(self) -> None:
        """Release the folder and remove the lock file, so that the folder can be removed."""
        with suppress(OSError):
            (self._folder / LOCK).unlink(missing_ok=True)
        self.release()


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Make the folder if it is missing, and lock it within the block.

    Raises:
        InputError: as in `FolderLock`.
    """
    with writing(folder / LOCK):
        make_folder(folder)
    lock = FolderLock(folder)
    try:
        yield
    finally:
        lock.release()


def holder_of(folder: Path) -> str | None:
    """The process and host that hold a folder now, or None."""
    if not (folder / LOCK).exists():
        return None
    try:
        with FileLock(folder / LOCK, thread_local=False, timeout=0):
            return None
    except Timeout:
        return _holder(folder)
    except (OSError, NotImplementedError):  # no locks on this file system, or no permission
        return None


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but the files of a lock."""
    return all(file.name in (LOCK, HOLDER) for file in folder.iterdir())


def _holder(folder: Path) -> str:
    try:
        return (folder / HOLDER).read_text() or "another process"
    except OSError:
        return "another process"


def _go_on_without(folder: Path, error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in REMEDIES:
        with writing(folder / LOCK):
            raise error
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    console.print(
        f"warning: {folder}: its file system has no locks ({reason}), so nothing keeps a second "
        "rlsel from working in it at the same time",
        style="yellow",
        markup=False,
    )
