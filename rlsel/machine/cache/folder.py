"""The place of the cache, and the names of its entries."""

import os
from hashlib import blake2b
from pathlib import Path

import platformdirs

from rlsel.errors import InputError


def cache_folder() -> Path:
    """$RLSEL_CACHE, or the system's folder for caches of a user. It may be deleted at any time.

    Raises:
        InputError: RLSEL_CACHE starts with `~` and the name of an unknown user.
    """
    chosen = os.environ.get("RLSEL_CACHE")
    try:
        return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("rlsel"))
    except RuntimeError:
        raise InputError(f"RLSEL_CACHE is {chosen!r}, and there is no such home folder") from None


def entry_of(kind: str, about: object) -> Path:
    """The folder of a result that depends only on `about`, named by the `repr` of `about`."""
    digest = blake2b(repr(about).encode(), digest_size=16).hexdigest()
    return cache_folder() / kind / digest
