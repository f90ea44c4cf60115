"""Results shared by processes: one process computes a result, the others wait and read it.

Entries are in the cache folder, named by a hash of everything on which their content depends.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rlsel.machine.atomic_files import replacing
from rlsel.machine.cache.uncached import say_uncached
from rlsel.machine.progress import console


@contextmanager
def sole_worker(entry: Path, what: str) -> Iterator[bool]:
    """Lock `entry` for this process; others wait, and then find the entry there.

    Args:
        what: Name of the result, printed while another process holds the lock.

    Yields:
        False if the cache folder cannot be written to, so that each process computes by itself.
    """
    lock = FileLock(entry.with_name(f".{entry.name}.lock"))
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            console.print(f"{what}: waiting for another process that makes the same", markup=False)
            lock.acquire()
    except OSError as error:
        say_uncached(error)
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def link(source: Path, target: Path) -> None:
    """Make `target` a hard link to `source`, or a copy if the file system has no hard links.

    Raises:
        FileNotFoundError: there is no `source`.
        InputError: the folder of `target` is full or cannot be written to.
    """
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # on another file system
            shutil.copyfile(source, temporary)
