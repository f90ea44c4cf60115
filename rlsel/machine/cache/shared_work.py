"""Work that any run may use: of all who want the same, one does it and the others take it over.

Entries lie in the cache folder, named by all that their content depends on.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rlsel.machine.atomic_files import replacing
from rlsel.machine.progress import console


@contextmanager
def sole_worker(entry: Path, what: str) -> Iterator[bool]:
    """Within it nobody else works on `entry`; others wait, and find it there.

    Args:
        what: Is being made; said while another process has it.

    Yields:
        False where the cache folder cannot be written to, so that everybody works for himself.
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
        console.print(f"{entry.parent}: going on without a cache ({error.strerror})", markup=False)
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def link(source: Path, target: Path) -> None:
    """Make `target` the same file, or a copy where the file system has no hard links.

    Raises:
        FileNotFoundError: there is no `source`.
        InputError: the folder of `target` is full or cannot be written to.
    """
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:  # on another file system
            shutil.copyfile(source, temporary)
