"""What every reader of a source returns: parts, whose names and labels come before the pixels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rlsel.data.sources.paths import shown


class Payload(NamedTuple):
    """One image as its source holds it."""

    where: str
    """What an error calls it: a path, or a file and a row."""
    data: Path | bytes | np.ndarray | None
    """An encoded file, encoded bytes, or pixels: (h, w), (h, w, 1) or (h, w, 3), uint8. None where
    the source has nothing."""


@dataclass(frozen=True)
class Listing:
    """The images of one part in order: names, labels, and a way to go through the pixels."""

    names: tuple[str, ...]
    """Unique within the part and the same in every run."""
    labels: np.ndarray
    """(n,) int64 indices into `class_names`."""
    class_names: tuple[str, ...]
    payloads: Callable[[], Iterator[Payload]]
    """Starts a new pass over the images, in the order of `names`."""
    patients: np.ndarray | None = None
    """(n,) strings, or None where they are unknown."""
    notes: tuple[str, ...] = ()
    """Things worth telling the user."""
    lacking: str = ""
    """What of the classes real images lack here: the sentence that refuses them. Candidates may be
    of one class alone. Empty where each of two classes or more has an image."""


@dataclass(frozen=True)
class Part:
    """A whole source or one split of it. Finding it is cheap; `read` opens the files."""

    files: tuple[Path, ...]
    """Everything whose bytes decide what `read` returns; the cache hashes them."""
    settings: str
    """What else decides it, such as the names of the columns."""
    read: Callable[[], Listing]
    notes: tuple[str, ...] = ()
    """What was found and is not read."""


def listed_files(files: tuple[Path, ...]) -> Iterator[Payload]:
    """Encoded files as payloads."""
    return (Payload(shown(file), file) for file in files)


WHOLE = "whole"
"""The key of a part that is not split yet; the other keys are train, val and test."""
