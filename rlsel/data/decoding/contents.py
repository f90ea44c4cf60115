"""The hash of the content of source files, by which what was decoded from them is found again.

To hash takes a while, so a memo keeps the hash of files with the same paths, sizes and times. Files
without a memo are hashed while they are decoded. But if as many files of the same size in all were
seen before, they are hashed first: they may be the same, moved or touched, and decoded already.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlsel.data.decoding.crew import Crew
from rlsel.data.sources.paths import relative_names
from rlsel.errors import InputError
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.cache.trim import temporary_beside
from rlsel.machine.progress import progress_bar

SMALL_BYTES = 2**22
"""Files up to this size are read at once, which is faster than in pieces."""


@dataclass(frozen=True)
class Contents:
    """Some files, as they are on the disk now."""

    files: tuple[str | Path, ...]
    listing: str
    """Hash of their paths, sizes and times."""
    size: str
    """Their number, and their bytes in all."""

    @property
    def remembered(self) -> str | None:
        """The hash of their content, if these files were hashed before."""
        with suppress(OSError, UnicodeDecodeError):
            known = self._memo.read_text(encoding="utf-8")
            return known if len(known) == len(self.listing) else None

    @property
    def may_be_known(self) -> bool:
        """Whether files of the same size were hashed before, wherever they were."""
        return self._size_file.exists()

    def hashed(self, crew: Crew, digests: Mapping[str, str] | None = None) -> str:
        """The hash of their content and of their names.

        Args:
            digests: Path -> hash of the files that were hashed already.

        Raises:
            InputError: a file cannot be read.
        """
        found = dict(digests or {})
        rest = [file for file in self.files if str(file) not in found]
        found |= zip(map(str, rest), _digests(rest, crew), strict=True)
        return hash_of([*relative_names(self.files), *(found[str(file)] for file in self.files)])

    def remember(self, content: str) -> None:
        """Write the memo.

        Raises:
            OSError: the cache cannot be written to.
        """
        self._memo.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(self._memo)
        try:
            temporary.write_text(content)
            temporary.rename(self._memo)
        finally:
            temporary.unlink(missing_ok=True)
        self._size_file.parent.mkdir(exist_ok=True)
        self._size_file.touch()

    @property
    def _memo(self) -> Path:
        return cache_folder() / "content" / self.listing

    @property
    def _size_file(self) -> Path:
        return cache_folder() / "sizes" / self.size


def contents_of(files: tuple[str | Path, ...]) -> Contents:
    """These files, looked at but not read.

    Raises:
        InputError: one is missing, or may not be looked at.
    """
    told: list[int] = []
    try:
        for state in map(os.stat, files):
            # Unpacking or copying may preserve the modification time; no program can set the ctime.
            told += state.st_size, state.st_mtime_ns, state.st_ctime_ns
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    told_F3 = np.array(told, dtype=np.int64).reshape(-1, 3)
    here = "" if os.path.isabs(files[0]) else os.getcwd()
    paths = os.fsencode("\0".join([here, *map(str, files)]))
    return Contents(
        files,
        listing=_hash(paths + b"\0\0" + told_F3.tobytes()),
        size=f"{len(files)}.{told_F3[:, 0].sum()}",
    )


def read_and_hash(file: str | Path) -> tuple[bytes | None, str]:
    """The bytes of a small file, None of a larger one; and the hash of its content.

    Raises:
        InputError: it cannot be read.
    """
    try:
        content = _bytes_of_small(file)
        if content is not None:
            return content, _hash(content)
        with open(file, "rb") as stream:
            return None, hashlib.file_digest(stream, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error


def hash_of(parts: list) -> str:
    """Hash of JSON values."""
    return _hash(json.dumps(parts).encode())


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _digests(files: list[str | Path], crew: Crew) -> Iterator[str]:
    with progress_bar("Hashing files", len(files)) as bar:
        for digests in crew.in_portions(_digests_of, files, len(files)):
            yield from digests
            bar.advance(len(digests))


def _digests_of(files: list[str | Path]) -> list[str]:
    return [read_and_hash(file)[1] for file in files]


def _bytes_of_small(file: str | Path) -> bytes | None:
    # Python's `open` takes as long as the reading itself.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        num_bytes = os.fstat(descriptor).st_size
        content = os.read(descriptor, num_bytes) if num_bytes <= SMALL_BYTES else b""
        return content if len(content) == num_bytes else None
    finally:
        os.close(descriptor)
