"""Decode a listing of images to one array of RGB pixels, on all cores, and note every change."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rlsel.data.decoding.contents import read_and_hash
from rlsel.data.decoding.crew import LARGEST, Crew
from rlsel.data.decoding.pixels import (
    SIXTEEN_BITS,
    Pixels,
    UnreadableImageError,
    read_pixels,
    read_size,
)
from rlsel.data.decoding.resize import Size
from rlsel.data.image_set import ImageSet
from rlsel.data.sources.part import Listing, Payload
from rlsel.errors import InputError
from rlsel.machine.cache.folder import cache_folder
from rlsel.machine.mapped import empty_rows, file_of
from rlsel.machine.progress import progress_bar
from rlsel.machine.wording import by, counted

BAD_IMAGES_NAMED = 5
PORTION_BYTES = 2**23
"""Decoded images that one process or thread holds at once."""
LARGEST_SENT_BYTES = 2**18
"""Larger images are decoded in threads, unless they are files: threads wait little for each other
then, and to send them to a process takes time and memory."""
FULL_SCALES = (255, 1023, 4095, 16383, 65535)
"""Largest values of 8, 10, 12, 14 and 16 bits, all of which scanners store in 16-bit files."""


class Decoded(NamedTuple):
    """The images of one part, and notes for the user on how they were read."""

    images: ImageSet
    notes: tuple[str, ...]
    full_scale: int | None
    """The 16-bit value that became 255; None if all images have 8 bits."""
    digests: Mapping[str, str]
    """Path -> hash of the files that were read, if each image is a file."""


@dataclass
class Tally:
    """What was decoded of some images, and counts of the changes made to them."""

    kept: list[int] = field(default_factory=list)
    """The places of the images that could be read, ascending."""
    bad: list[tuple[str, str]] = field(default_factory=list)
    """Where and why an image could not be read."""
    sizes: Counter[Size] = field(default_factory=Counter)
    conversions: Counter[str] = field(default_factory=Counter)
    digests: dict[str, str] = field(default_factory=dict)
    """Path -> hash of the content of a file."""
    num_turned: int = 0
    highest: int = 0
    """The highest of all 16-bit values; 0 without 16-bit images."""
    whole: bool = True
    """Whether all bits of 16-bit images could be read."""

    def count(self, index: int, pixels: Pixels) -> None:
        self.kept.append(index)
        self.sizes[pixels.size] += 1
        self.conversions[pixels.converted_from] += 1
        self.num_turned += pixels.turned
        self.highest = max(self.highest, pixels.highest)
        self.whole = self.whole and pixels.whole

    def add(self, other: "Tally") -> None:
        self.kept += other.kept
        self.sizes.update(other.sizes)
        self.conversions.update(other.conversions)
        self.bad += other.bad
        self.digests |= other.digests
        self.num_turned += other.num_turned
        self.highest = max(self.highest, other.highest)
        self.whole = self.whole and other.whole

    @property
    def full_scale(self) -> int | None:
        """The smallest of `FULL_SCALES` that holds all 16-bit values; None without such images."""
        return (
            next(scale for scale in FULL_SCALES if self.highest <= scale) if self.highest else None
        )

    def notes(self, size: Size) -> Iterator[str]:
        """One line for each kind of change."""
        for old, count in self.sizes.most_common():
            if old != size:
                stretched = "" if old[0] * size[1] == size[0] * old[1] else ", changing proportions"
                yield f"resized {counted(count, 'image')} from {by(old)} to {by(size)}{stretched}"
        for mode, count in self.conversions.most_common():
            if mode:
                yield f"converted {counted(count, f'{mode} image')} to RGB"
        if self.num_turned:
            yield f"turned {counted(self.num_turned, 'image')} upright, as EXIF orientation says"
        if self.bad:
            more = len(self.bad) - BAD_IMAGES_NAMED
            named = "; ".join(where for where, _ in self.bad[:BAD_IMAGES_NAMED])
            named += f"; and {more:,} more" * (more > 0)
            yield f"left out {counted(len(self.bad), 'unreadable image')}: {named}"


def decode(
    listing: Listing,
    size: Size | None,
    skip_bad: bool,
    description: str,
    full_scale: int | None = None,
    crew: Crew | None = None,
) -> Decoded:
    """Read every image of a listing.

    Args:
        size: the size to which every image is resized; None takes the commonest among them.
        skip_bad: leave out an image that cannot be read, and note it.
        description: the text beside the progress bar.
        full_scale: the 16-bit value that becomes 255; None takes the smallest of `FULL_SCALES` that
            holds the values of all images.
        crew: who decodes; None for a crew of its own.

    Raises:
        InputError: an image cannot be read (the message names it), or 16-bit images do not fit the
            scale.
    """
    if crew is None:
        with Crew() as own:
            return decode(listing, size, skip_bad, description, full_scale, own)
    guess = size or _first_size(listing), full_scale or SIXTEEN_BITS
    images, tally = _decode(listing, *guess, skip_bad, description, crew)
    right = (
        size or tally.sizes.most_common(1)[0][0],
        full_scale or tally.full_scale or SIXTEEN_BITS,
    )
    _require_in_scale(listing, tally, right[1])
    if right != guess:  # rare: the first image has an uncommon size, or 16-bit files use fewer bits
        images, tally = _decode(listing, *right, skip_bad, description, crew)
    notes = (*listing.notes, *tally.notes(right[0]))
    return Decoded(images, notes, right[1] if tally.highest else None, tally.digests)


def _require_in_scale(listing: Listing, tally: Tally, full_scale: int) -> None:
    where = next(listing.payloads()).where
    if tally.highest > full_scale and tally.whole:
        raise InputError(
            f"{where} and others: 16-bit values up to {tally.highest:,}, but those of training "
            f"reach {full_scale:,} at most; save all images with 8 bits, in one scale"
        )
    if full_scale < SIXTEEN_BITS and not tally.whole:
        raise InputError(
            f"{where} and others: 16-bit colours of which none is above {tally.highest:,} of "
            "65,535, so that they hold fewer bits and would be dark; save them with 8 bits"
        )


def _decode(
    listing: Listing, size: Size, full_scale: int, skip_bad: bool, description: str, crew: Crew
) -> tuple[ImageSet, Tally]:
    total, tally = len(listing.names), Tally()
    in_processes = crew.has_processes_for(total) and _may_travel(next(listing.payloads()))
    rgb_NHWC = _room_for(total, size, in_file=in_processes)
    rows = file_of(rgb_NHWC)
    work = partial(_read_portion, size=size, full_scale=full_scale, rows=rows)
    payloads = enumerate(listing.payloads())
    largest = min(LARGEST, PORTION_BYTES // rgb_NHWC[0].nbytes)
    in_threads = rows is None or not in_processes
    blocks = crew.in_portions(work, payloads, total, in_threads, largest)
    with progress_bar(description, total) as bar:
        for first, found, rgb_KHWC in blocks:
            if found.bad and not skip_bad:
                raise UnreadableImageError(*found.bad[0])
            if rgb_KHWC is not None:
                rgb_NHWC[first : first + len(rgb_KHWC)] = rgb_KHWC
            tally.add(found)
            bar.advance(len(found.kept) + len(found.bad))
    return _gather(listing, rgb_NHWC, tally.kept), tally


def _may_travel(payload: Payload) -> bool:
    """Whether to send an image to another process takes far less time than to decode it."""
    data = payload.data
    return isinstance(data, str) or (isinstance(data, bytes) and len(data) <= LARGEST_SENT_BYTES)


class Block(NamedTuple):
    """Some images that follow one another, decoded."""

    first: int
    """The place of the first."""
    tally: Tally
    rgb_KHWC: np.ndarray | None
    """None if they were written to a file."""


def _read_portion(
    portion: list[tuple[int, Payload]], size: Size, full_scale: int, rows: Path | None
) -> Block:
    """Decode images, and write them to their place in a file of rows if there is one."""
    first, tally = portion[0][0], Tally()
    rgb_KHWC = np.empty((len(portion), *size, 3), np.uint8)
    for index, (where, data) in portion:
        content = data
        if isinstance(data, str):
            read, tally.digests[data] = read_and_hash(data)
            content = data if read is None else read
        try:
            pixels = read_pixels(Payload(where, content), size, full_scale)
        except UnreadableImageError as error:
            tally.bad.append((error.where, error.reason))
        else:
            rgb_KHWC[index - first] = pixels.rgb
            tally.count(index, pixels)
    if rows is None:
        return Block(first, tally, rgb_KHWC)
    with rows.open("r+b") as stream:
        stream.seek(first * rgb_KHWC[0].nbytes)
        stream.write(rgb_KHWC.data)
    return Block(first, tally, None)


def _room_for(num_images: int, size: Size, in_file: bool) -> np.ndarray:
    try:
        return empty_rows((num_images, *size, 3), np.uint8, in_file)
    except (MemoryError, ValueError) as error:  # ValueError: beyond the address space
        needed = num_images * size[0] * size[1] * 3 / 2**30
        raise InputError(
            f"{counted(num_images, 'image')} of {by(size)} px take {needed:,.1f} GiB, which there "
            f"is neither in the cache ({cache_folder()}) nor in memory: set a smaller "
            "data.size_px, give fewer images, or set RLSEL_CACHE to a folder on a larger disk"
        ) from error


def _first_size(listing: Listing) -> Size:
    """The size of the first image that has one."""
    return next((size for payload in listing.payloads() if (size := read_size(payload))), (1, 1))


def _gather(listing: Listing, rgb_NHWC: np.ndarray, kept: list[int]) -> ImageSet:
    which = np.array(kept, dtype=np.int64)
    if not kept:
        raise InputError("none of the images can be read")
    for row, index in enumerate(kept):
        if row != index:  # images before it could not be read
            rgb_NHWC[row] = rgb_NHWC[index]
    return ImageSet(
        images=rgb_NHWC[: len(kept)],
        labels=listing.labels[which],
        class_names=listing.class_names,
        ids=np.array(listing.names)[which],
        patients=None if listing.patients is None else listing.patients[which],
    )
