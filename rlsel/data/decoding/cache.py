"""Decoded images on disk, memory-mapped, so that a data set is decoded only once.

An entry is keyed by the *content* of the source files and by the settings of decoding
(`contents.py`). A damaged entry is built again, and an entry that cannot be written is left out, so
the cache itself never makes a run fail. `trim.py` removes entries if the cache grows too large.
"""

import errno
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from rlsel.data.decoding.contents import Contents, contents_of, hash_of
from rlsel.data.decoding.crew import Crew
from rlsel.data.decoding.decode import Decoded
from rlsel.data.image_set import ImageSet
from rlsel.data.sources.part import Part
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.cache.trim import limit_bytes, mark_used, remove, temporary_beside, trim
from rlsel.machine.cache.uncached import say_uncached
from rlsel.machine.mapped import file_of
from rlsel.machine.progress import console

FORMAT = 4
"""Part of every key: raise it when decoding or the layout of an entry changes."""
IMAGES, STATE, CHECKSUMS = "images.bin", "state.json", "checksums.json"
FILES = (IMAGES, STATE)
SQUARE = 512
"""Numbers in a row, and rows in a square of `_checksum`; it has 2 MiB."""
STRETCH_BYTES = 2**24
"""Bytes of a file that have one checksum."""


def through_cache(part: Part, settings: str, build: Callable[[], Decoded], crew: Crew) -> Decoded:
    """The result of `build`: read from disk if it is there, else built and saved.

    Args:
        part: its files decide the result, together with `settings`.
        settings: how the files are decoded.
        crew: who hashes the files.

    Raises:
        InputError: a source file cannot be read, or RLSEL_CACHE_GIB is no number.
    """
    limit = limit_bytes()
    contents = contents_of(part.files)
    content = contents.remembered
    if content is None and contents.may_be_known:
        content = _remembered(contents, contents.hashed(crew))
    folder, about = cache_folder() / "images", [FORMAT, part.settings, settings]
    if content and (found := _find(folder / hash_of([*about, content]), crew)):
        return found
    decoded = build()
    if content is None:
        content = _remembered(contents, contents.hashed(crew, decoded.digests))
    entry = folder / hash_of([*about, content])
    try:
        _save(decoded, entry, crew)
        trim(folder, entry, limit)
    except OSError as error:
        say_uncached(error)
        return decoded
    # Mapped from disk, the images take no memory of this process.
    return _find(entry, crew, is_new=True) or decoded


def _remembered(contents: Contents, content: str) -> str:
    try:
        contents.remember(content)
    except OSError as error:
        say_uncached(error)
    return content


def _find(entry: Path, crew: Crew, is_new: bool = False) -> Decoded | None:
    """The entry, or None if there is none. A damaged entry is removed and a line printed.

    Args:
        is_new: It was written a moment ago, so that its checksums need not be compared.
    """
    try:
        if not entry.exists():  # asked first: another process may write it meanwhile
            return None
        if not is_new:
            _require_checksums(entry, crew)
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


def _require_checksums(entry: Path, crew: Crew) -> None:
    """Compare an entry with what was written.

    Raises:
        ValueError: a file has changed since it was written.
    """
    if json.loads((entry / CHECKSUMS).read_text(encoding="utf-8")) != _checksums(entry, crew):
        raise ValueError(f"{entry}: the checksums differ")


def _load(entry: Path) -> Decoded:
    state = json.loads((entry / STATE).read_text(encoding="utf-8"))
    shape = tuple(state["shape"])
    rgb_NHWC = np.memmap(entry / IMAGES, dtype=np.uint8, mode="r", shape=shape)
    images = ImageSet(
        images=rgb_NHWC,
        labels=np.array(state["labels"], dtype=np.int64),
        class_names=tuple(state["class_names"]),
        ids=np.array(state["ids"]),
        patients=None if state["patients"] is None else np.array(state["patients"]),
    )
    return Decoded(images, tuple(state["notes"]), state["full_scale"], digests={})


def _save(decoded: Decoded, entry: Path, crew: Crew) -> None:
    """Write the entry under another name and rename it, so no reader sees half an entry."""
    images = decoded.images
    state = {
        "shape": images.images.shape,
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
        _write_images(images.images, temporary / IMAGES)
        (temporary / STATE).write_text(json.dumps(state))
        (temporary / CHECKSUMS).write_text(json.dumps(_checksums(temporary, crew)))
        temporary.rename(entry)
    except OSError as error:
        # Another process may have written the same entry first.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_images(rgb_NHWC: np.ndarray, file: Path) -> None:
    if rows := file_of(rgb_NHWC):
        with suppress(OSError):  # a file system without hard links
            os.link(rows, file)
            return
    with file.open("wb") as stream:
        stream.write(np.ascontiguousarray(rgb_NHWC).data.cast("B"))


def _checksums(entry: Path, crew: Crew) -> dict[str, list[int]]:
    """Name of a file -> its size in bytes, and the checksums of its stretches."""
    sizes = {name: (entry / name).stat().st_size for name in FILES}
    return {
        name: [size, *_checksums_of(entry / name, range(0, size, STRETCH_BYTES), crew)]
        for name, size in sizes.items()
    }


def _checksums_of(file: Path, starts: range, crew: Crew) -> Iterator[int]:
    def checksums(some: list[int]) -> list[int]:
        return [_checksum(file, start) for start in some]

    portions = crew.in_portions(checksums, starts, len(starts), in_threads=True)
    return chain.from_iterable(portions)


def _checksum(file: Path, start: int) -> int:
    """CRC-32 of the sums of rows and columns of some squares of 512 x 512 numbers of 64 bits.

    Damage to up to three numbers of a square always changes a sum, and adding takes less time than
    CRC-32 of every byte.
    """
    square = np.empty((SQUARE, SQUARE), np.uint64)
    content, checksum = square.reshape(-1).view(np.uint8), 0
    with file.open("rb") as stream:
        stream.seek(start)
        for _ in range(STRETCH_BYTES // square.nbytes):
            num_bytes = stream.readinto(content.data)
            content[num_bytes:] = 0
            for axis in (0, 1):
                checksum = zlib.crc32(square.sum(axis=axis).data, checksum)
    return checksum
