"""Decoded images on disk, memory-mapped, so that a data set is decoded only once.

An entry is keyed by the *content* of the source files and by the settings of decoding. Hashing the
content takes a while, so a memo stores the hash of files with the same path, size and times.
A damaged entry is built again, and an entry that cannot be written is left out, so the cache itself
never makes a run fail. `trim.py` removes entries if the cache grows too large.
"""

import errno
import hashlib
import json
import shutil
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from rlsel.data.decoding.decode import Decoded
from rlsel.data.image_set import ImageSet
from rlsel.data.sources.part import Part
from rlsel.data.sources.paths import relative_names
from rlsel.errors import InputError
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.cache.trim import limit_bytes, mark_used, remove, temporary_beside, trim
from rlsel.machine.cache.uncached import say_uncached
from rlsel.machine.progress import console, track

FORMAT = 3
"""Part of every key: raise it when decoding or the layout of an entry changes."""
IMAGES, STATE, CHECKSUMS = "images.npy", "state.json", "checksums.json"


def through_cache(part: Part, settings: str, build: Callable[[], Decoded]) -> Decoded:
    """The result of `build`: read from disk if it is there, else built and saved.

    Args:
        part: its files decide the result, together with `settings`.
        settings: how the files are decoded.

    Raises:
        InputError: a source file cannot be read, or RLSEL_CACHE_GIB is no number.
    """
    limit = limit_bytes()
    key = _hash([FORMAT, part.settings, settings, _content(part.files)])
    entry = cache_folder() / "images" / key
    found = _find(entry)
    if found:
        return found
    decoded = build()
    try:
        _save(decoded, entry)
        trim(entry.parent, entry, limit)
    except OSError as error:
        say_uncached(error)
        return decoded
    # Mapped from disk, the images take no memory of this process.
    return _find(entry) or decoded


def _find(entry: Path) -> Decoded | None:
    """The entry, or None if there is none. A damaged entry is removed and a line printed."""
    try:
        if not entry.exists():  # asked first: another process may write it meanwhile
            return None
        decoded = _load(entry)
    except PermissionError as error:
        say_uncached(error)
    except (OSError, ValueError, KeyError, TypeError):
        if entry.exists():  # else another process has just removed it
            console.print(f"The cache entry {entry} is damaged and is built again.", markup=False)
            remove(entry)
    else:
        mark_used(entry)
        return decoded
    return None


def _load(entry: Path) -> Decoded:
    """Read an entry.

    Raises:
        ValueError: a file has changed since it was written.
    """
    if json.loads((entry / CHECKSUMS).read_text(encoding="utf-8")) != _checksums(entry):
        raise ValueError(f"{entry}: the checksums differ")
    state = json.loads((entry / STATE).read_text(encoding="utf-8"))
    rgb_NHWC = np.load(entry / IMAGES, mmap_mode="r")
    images = ImageSet(
        images=rgb_NHWC,
        labels=np.array(state["labels"], dtype=np.int64),
        class_names=tuple(state["class_names"]),
        ids=np.array(state["ids"]),
        patients=None if state["patients"] is None else np.array(state["patients"]),
    )
    return Decoded(images, tuple(state["notes"]), state["full_scale"])


def _save(decoded: Decoded, entry: Path) -> None:
    """Write the entry under another name and rename it, so no reader sees half an entry."""
    images = decoded.images
    state = {
        "labels": images.labels.tolist(),
        "class_names": images.class_names,
        "ids": images.ids.tolist(),
        "patients": None if images.patients is None else images.patients.tolist(),
        "notes": decoded.notes,
        "full_scale": decoded.full_scale,
    }
    temporary = temporary_beside(entry)
    try:
        temporary.mkdir(parents=True)
        np.save(temporary / IMAGES, images.images)
        (temporary / STATE).write_text(json.dumps(state))
        (temporary / CHECKSUMS).write_text(json.dumps(_checksums(temporary)))
        temporary.rename(entry)
    except OSError as error:
        # Another process may have written the same entry first.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _checksums(entry: Path) -> dict[str, int]:
    return {name: _checksum(entry / name) for name in (IMAGES, STATE)}


def _checksum(file: Path) -> int:
    """CRC-32: it detects accidental damage as well as a hash does, at 2 GiB a second."""
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _content(files: tuple[Path, ...]) -> str:
    """Hash of the bytes and the names of all files."""
    try:
        states = [(str(file.absolute()), file.stat()) for file in files]
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    # Unpacking or copying may preserve the modification time; no program can set the ctime.
    listing = _hash([(n, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for n, s in states])
    memo = cache_folder() / "content" / listing
    with suppress(OSError, UnicodeDecodeError):
        if len(known := memo.read_text(encoding="utf-8")) == len(listing):
            return known
    content = _hash([*relative_names(files), *_digests(files)])
    try:
        _write_memo(memo, content)
    except OSError as error:
        say_uncached(error)
    return content


def _write_memo(memo: Path, content: str) -> None:
    memo.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(memo)
    try:
        temporary.write_text(content)
        temporary.rename(memo)
    finally:
        temporary.unlink(missing_ok=True)


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
