"""Decoded images on disk, memory-mapped, so that the second start of a data set is instant.

An entry is keyed by the *content* of the source files and by how they are decoded. Hashing content
takes a while, so a memo remembers the hash of files whose path, size and change time are the same.
Nothing here can make a run fail: what cannot be read is rebuilt, what cannot be written is left.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import platformdirs

from rlsel.data.decoding.decode import Decoded
from rlsel.data.image_set import ImageSet
from rlsel.data.sources.part import Part
from rlsel.data.sources.paths import relative_names
from rlsel.errors import InputError
from rlsel.progress import console, track

FORMAT = 1
"""Part of every key: raise it when decoding or the layout of an entry changes."""


def cache_folder() -> Path:
    """$RLSEL_CACHE, or where this system keeps the caches of a user. It may be deleted any time."""
    chosen = os.environ.get("RLSEL_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("rlsel"))


def through_cache(part: Part, settings: str, build: Callable[[], Decoded]) -> Decoded:
    """What `build` returns, from disk where it was built before, else built and kept.

    Args:
        part: whose files decide the result, together with `settings`.
        settings: how they are decoded.
    """
    key = _hash([FORMAT, part.settings, settings, _content(part.files)])
    entry = cache_folder() / "images" / key
    try:
        if entry.exists():
            return _load(entry)
    except PermissionError as error:
        _say_uncached(error)
        return build()
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        console.print(f"The cache entry {entry} is damaged and is built again.", markup=False)
        shutil.rmtree(entry, ignore_errors=True)
    decoded = build()
    try:
        _save(decoded, entry)
        return _load(entry)
    except OSError as error:
        _say_uncached(error)
        return decoded


def _load(entry: Path) -> Decoded:
    state = json.loads((entry / "state.json").read_text())
    # "c": the pages are shared and the file is never changed, yet torch sees a writable array.
    rgb_NHWC = np.asarray(np.load(entry / "images.npy", mmap_mode="c"))
    images = ImageSet(
        images=rgb_NHWC,
        labels=np.array(state["labels"], dtype=np.int64),
        class_names=tuple(state["class_names"]),
        ids=np.array(state["ids"]),
        patients=None if state["patients"] is None else np.array(state["patients"]),
    )
    return Decoded(images, tuple(state["notes"]))


def _save(decoded: Decoded, entry: Path) -> None:
    """Write the entry under another name and rename it, so that it is there whole or not at all."""
    images = decoded.images
    state = {
        "labels": images.labels.tolist(),
        "class_names": images.class_names,
        "ids": images.ids.tolist(),
        "patients": None if images.patients is None else images.patients.tolist(),
        "notes": decoded.notes,
    }
    temporary = entry.with_name(f".{entry.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
        np.save(temporary / "images.npy", images.images)
        (temporary / "state.json").write_text(json.dumps(state))
        if not entry.exists():  # else another process was faster, with the same content
            temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _content(files: tuple[Path, ...]) -> str:
    """Hash of the bytes of all files and of the names they go by."""
    try:
        states = [(str(file.absolute()), file.stat()) for file in files]
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    listing = _hash([(name, state.st_size, state.st_mtime_ns) for name, state in states])
    memo = cache_folder() / "content" / listing
    with suppress(OSError, UnicodeDecodeError):
        if len(known := memo.read_text()) == len(listing):
            return known
    content = _hash([*relative_names(files), *_digests(files)])
    try:
        _write_memo(memo, content)
    except OSError as error:
        _say_uncached(error)
    return content


def _write_memo(memo: Path, content: str) -> None:
    memo.parent.mkdir(parents=True, exist_ok=True)
    temporary = memo.with_name(f".{memo.name}.{secrets.token_hex(4)}")
    temporary.write_text(content)
    temporary.rename(memo)


def _digests(files: tuple[Path, ...]) -> list[str]:
    with ThreadPoolExecutor() as threads:
        return list(track(threads.map(_digest, files), "Hashing files", len(files)))


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error


def _hash(parts: list) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _say_uncached(error: OSError) -> None:
    # NumPy reports a full disk without an error number.
    reason = error.strerror or f"{error}; is the disk full?"
    _say_once(f"{cache_folder()}: going on without a cache ({reason})")


@cache
def _say_once(text: str) -> None:
    console.print(text, markup=False)
