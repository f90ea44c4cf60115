"""`Part`: the return value of every reader. Names and labels are read before any pixels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rlsel.data.sources.paths import shown


class Payload(NamedTuple):
    """One image as its source holds it."""

    where: str
    """The place of the image for error messages: a path, or a file and a row."""
    data: str | bytes | np.ndarray | None
    """The path of an encoded file, encoded bytes, or pixels: (h, w), (h, w, 1) or (h, w, 3), uint8.
    None if the source has nothing there."""


@dataclass(frozen=True)
class Listing:
    """The images of one part in order: names, labels, and an iterator over the pixels."""

    names: tuple[str, ...]
    """Unique within the part and the same in every run."""
    labels: np.ndarray
    """(n,) int64 indices into `class_names`."""
    class_names: tuple[str, ...]
    payloads: Callable[[], Iterator[Payload]]
    """Starts a new pass over the images, in the order of `names`."""
    patients: np.ndarray | None = None
    """(n,) strings, or None if patients are unknown."""
    notes: tuple[str, ...] = ()
    """Notes for the user."""
    lacking: str = ""
    """The error message for real images with fewer than two classes, or with a class without
    images; empty if nothing is lacking. Candidates may lack classes."""


@dataclass(frozen=True)
class Part:
    """A whole source or one split of it. Finding it is cheap; `read` opens the files."""

    files: tuple[str | Path, ...]
    """All files whose bytes decide what `read` returns; the cache hashes them."""
    settings: str
    """Everything else that decides what `read` returns, such as the names of the columns."""
    read: Callable[[], Listing]
    notes: tuple[str, ...] = ()
    """Notes on files that were found but are not read."""


def listed_files(files: Sequence[str | Path]) -> Iterator[Payload]:
    """Encoded files as payloads."""
    return (Payload(shown(file), str(file)) for file in files)


WHOLE = "whole"
"""The key of a part that is not split yet; the other keys are train, val and test."""
