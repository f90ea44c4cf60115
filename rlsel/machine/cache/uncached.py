"""What a user is told if the cache takes nothing."""

import errno
import os
from functools import cache

from rlsel.errors import InputError
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.progress import console


def say_uncached(error: OSError | InputError) -> None:
    """Print, once per process and reason, that the run goes on without a cache.

    Args:
        error: Why it cannot be written to or read; an `InputError` of `atomic_files` has its cause.
    """
    cause = error.__cause__ if isinstance(error, InputError) else error
    # NumPy reports a full disk without an error number.
    reason = getattr(cause, "strerror", None) or os.strerror(errno.ENOSPC)
    say_once(
        f"{cache_folder()}: going on without a cache ({reason}), so later runs make the same "
        "again; set RLSEL_CACHE to a folder that has room and can be written to"
    )


@cache
def say_once(text: str) -> None:
    console.print(text, markup=False)
