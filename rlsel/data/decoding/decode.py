"""Decode a listing of images in threads to one array of RGB pixels, and note every change."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

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
from rlsel.machine.mapped import empty_rows
from rlsel.machine.progress import track
from rlsel.machine.wording import by, counted

T = TypeVar("T")
IMAGES_AT_ONCE = 512
BAD_IMAGES_NAMED = 5
FULL_SCALES = (255, 1023, 4095, 16383, 65535)
"""Largest values of 8, 10, 12, 14 and 16 bits, all of which scanners store in 16-bit files."""


class Decoded(NamedTuple):
    """The images of one part, and notes for the user on how they were read."""

    images: ImageSet
    notes: tuple[str, ...]
    full_scale: int | None = None
    """The 16-bit value that became 255; None if all images have 8 bits."""


@dataclass
class Tally:
    """Counts of the changes made while decoding."""

    sizes: Counter[Size] = field(default_factory=Counter)
    conversions: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    num_turned: int = 0
    highest: int = 0
    """The highest of all 16-bit values; 0 without 16-bit images."""
    whole: bool = True
    """Whether all bits of 16-bit images could be read."""

    def count(self, pixels: Pixels) -> None:
        self.sizes[pixels.size] += 1
        self.conversions[pixels.converted_from] += 1
        self.num_turned += pixels.turned
        self.highest = max(self.highest, pixels.highest)
        self.whole = self.whole and pixels.whole

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
            named = "; ".join(self.bad[:BAD_IMAGES_NAMED]) + (f"; and {more:,} more" * (more > 0))
            yield f"left out {counted(len(self.bad), 'unreadable image')}: {named}"


def decode(
    listing: Listing,
    size: Size | None,
    skip_bad: bool,
    description: str,
    full_scale: int | None = None,
) -> Decoded:
    """Read every image of a listing.

    Args:
        size: the size to which every image is resized; None takes the commonest among them.
        skip_bad: leave out an image that cannot be read, and note it.
        description: the text beside the progress bar.
        full_scale: the 16-bit value that becomes 255; None takes the smallest of `FULL_SCALES` that
            holds the values of all images.

    Raises:
        InputError: an image cannot be read (the message names it), or 16-bit images do not fit the
            scale.
    """
    guess = size or _first_size(listing), full_scale or SIXTEEN_BITS
    images, tally = _decode(listing, *guess, skip_bad, description)
    right = (
        size or tally.sizes.most_common(1)[0][0],
        full_scale or tally.full_scale or SIXTEEN_BITS,
    )
    _require_in_scale(listing, tally, right[1])
    if right != guess:  # rare: the first image has an uncommon size, or 16-bit files use fewer bits
        images, tally = _decode(listing, *right, skip_bad, description)
    notes = (*listing.notes, *tally.notes(right[0]))
    return Decoded(images, notes, right[1] if tally.highest else None)


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
    listing: Listing, size: Size, full_scale: int, skip_bad: bool, description: str
) -> tuple[ImageSet, Tally]:
    total, tally, kept = len(listing.names), Tally(), []
    rgb_NHWC = _room_for(total, size)
    read = partial(_pixels_or_error, size=size, full_scale=full_scale)
    with ThreadPoolExecutor(thread_name_prefix="decode") as threads:
        results = _in_order(listing, read, threads)
        for index, pixels in enumerate(track(results, description, total)):
            if isinstance(pixels, UnreadableImageError):
                if not skip_bad:
                    raise pixels
                tally.bad.append(pixels.where)
                continue
            rgb_NHWC[len(kept)] = pixels.rgb
            kept.append(index)
            tally.count(pixels)
    return _gather(listing, rgb_NHWC, kept), tally


def _room_for(num_images: int, size: Size) -> np.ndarray:
    try:
        return empty_rows((num_images, *size, 3), np.uint8)
    except (MemoryError, ValueError) as error:  # ValueError: beyond the address space
        needed = num_images * size[0] * size[1] * 3 / 2**30
        raise InputError(
            f"{counted(num_images, 'image')} of {by(size)} px take {needed:,.1f} GiB, which there "
            f"is neither in the cache ({cache_folder()}) nor in memory: set a smaller "
            "data.size_px, give fewer images, or set RLSEL_CACHE to a folder on a larger disk"
        ) from error


def _in_order(
    listing: Listing, work: Callable[[Payload], T], threads: ThreadPoolExecutor
) -> Iterator[T]:
    """Results of `work` in order, with a few hundred images in flight to bound the memory."""
    payloads = listing.payloads()
    while batch := list(islice(payloads, IMAGES_AT_ONCE)):
        yield from threads.map(work, batch)


def _pixels_or_error(
    payload: Payload, size: Size, full_scale: int
) -> Pixels | UnreadableImageError:
    try:
        return read_pixels(payload, size, full_scale)
    except UnreadableImageError as error:
        return error


def _first_size(listing: Listing) -> Size:
    """The size of the first image that has one."""
    return next((size for payload in listing.payloads() if (size := read_size(payload))), (1, 1))


def _gather(listing: Listing, rgb_NHWC: np.ndarray, kept: list[int]) -> ImageSet:
    which = np.array(kept, dtype=np.int64)
    if not kept:
        raise InputError("none of the images can be read")
    return ImageSet(
        images=rgb_NHWC[: len(kept)],
        labels=listing.labels[which],
        class_names=listing.class_names,
        ids=np.array(listing.names)[which],
        patients=None if listing.patients is None else listing.patients[which],
    )
