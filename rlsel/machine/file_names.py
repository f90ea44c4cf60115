"""File and folder names from a user's text that are valid and distinct on every file system.

File systems differ in the characters and the length that they allow, and in which names they treat
as equal: most on Windows and macOS ignore case and the Unicode form of accents.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MAX_BYTES = 255
"""Longest name, the same on ext4, XFS, APFS and (for ASCII) NTFS."""
REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
"""Characters that some file system refuses or gives a special meaning."""
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows reserves for devices, with any suffix."""


def plain_name(text: str, suffix: str = "") -> str:
    """A name like `text`, with `suffix`, that is valid on any file system. All scripts are kept.

    Different texts can get the same name; `distinct_names` keeps them apart.
    """
    name = REFUSED.sub("_", unicodedata.normalize("NFC", text)).strip(" .") or "_"
    name = f"_{name}" if DEVICE.match(name) else name
    return shortened(name, MAX_BYTES - _size(suffix)) + suffix


def folder_name(text: str) -> str:
    """`text` itself if it is a valid folder name here, so that classes keep their names."""
    unlike = not text or text.startswith(".") or re.search(r"[/\x00]", text)
    return plain_name(text) if unlike or _size(text) > MAX_BYTES else text


class DistinctNames:
    """Hands out names of which no file system treats two as equal.

    Names that differ only in case, in Unicode normalisation, or in blanks and dots at the end count
    as equal.
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """`name` itself if it is free, else `name` with a number before its suffix."""
        new, key = name, folded(name)
        while folded(new) in self._taken:
            self._taken[key] += 1
            new = _numbered(name, self._taken[key])
        self._taken[folded(new)] = 1
        return new


def distinct_names(names: Iterable[str]) -> list[str]:
    """The same names; a name equal to an earlier one gets a number."""
    distinct = DistinctNames()
    return [distinct.take(name) for name in names]


def folded(name: str) -> str:
    """A key that is equal for names that some file system treats as equal."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFKD", decomposed).rstrip(" .")


def shortened(text: str, num_bytes: int) -> str:
    """`text` if it fits into so many bytes of UTF-8, else its start and a hash of all of it."""
    if _size(text) <= num_bytes:
        return text
    mark = "~" + hashlib.blake2b(_bytes(text), digest_size=4).hexdigest()
    start = _bytes(text)[: num_bytes - len(mark)].decode(errors="ignore")
    return start.rstrip(" .") + mark


def _numbered(name: str, number: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    mark = f"~{number}{suffix}"
    return shortened(stem.rstrip(" ."), MAX_BYTES - _size(mark)) + mark


def _size(text: str) -> int:
    return len(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
