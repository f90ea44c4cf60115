"""Where the cache lies, and what an entry of it is called."""

import os
from hashlib import blake2b
from pathlib import Path

import platformdirs

from rlsel.errors import InputError


def cache_folder() -> Path:
    """$RLSEL_CACHE, or where this system keeps the caches of a user. It may be deleted any time.

    Raises:
        InputError: RLSEL_CACHE starts with the home of a user whom nobody knows.
    """
    chosen = os.environ.get("RLSEL_CACHE")
    try:
        return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("rlsel"))
    except RuntimeError:
        raise InputError(f"RLSEL_CACHE is {chosen!r}, and there is no such home folder") from None


def entry_of(kind: str, about: object) -> Path:
    """The folder of what depends on `about` alone, whose `repr` says all of it."""
    digest = blake2b(repr(about).encode(), digest_size=16).hexdigest()
    return cache_folder() / kind / digest
