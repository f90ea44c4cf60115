"""Names of files and folders out of a user's text: any file system takes them, and no two are one.

File systems differ in what a name may hold, in how long it may be, and in which names they take
for the same: most of Windows and macOS know neither capitals nor how an accent was typed.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

MAX_BYTES = 255
"""Of a name, on ext4, XFS, APFS and NTFS alike where it is plain text."""
REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
"""What some file system takes for something else."""
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever their suffix."""


def plain_name(text: str, suffix: str = "") -> str:
    """A name like `text`, with `suffix`, that any file system takes. Letters of all scripts stay.

    Texts that differ can get one name; `distinct_names` keeps them apart.
    """
    name = REFUSED.sub("_", unicodedata.normalize("NFC", text)).strip(" .") or "_"
    name = f"_{name}" if DEVICE.match(name) else name
    return shortened(name, MAX_BYTES - _size(suffix)) + suffix


def folder_name(text: str) -> str:
    """`text` itself where a folder can be called so here, for a user's class keeps its name."""
    unlike = not text or text.startswith(".") or re.search(r"[/\x00]", text)
    return plain_name(text) if unlike or _size(text) > MAX_BYTES else text


class DistinctNames:
    """Hands out names of which no file system takes two for one.

    Goes by case, Unicode normalisation, and blanks and dots at the end.
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """`name` itself where it is free, else `name` with a number before its suffix."""
        new, key = name, folded(name)
        while folded(new) in self._taken:
            self._taken[key] += 1
            new = _numbered(name, self._taken[key])
        self._taken[folded(new)] = 1
        return new


def distinct_names(names: Iterable[str]) -> list[str]:
    """The same names, of which those that are one with an earlier name get a number."""
    distinct = DistinctNames()
    return [distinct.take(name) for name in names]


def folded(name: str) -> str:
    """Equal for names that some file system takes for the same."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFKD", decomposed).rstrip(" .")


def shortened(text: str, num_bytes: int) -> str:
    """`text`, or its start and a hash of it all, in at most so many bytes of UTF-8."""
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
