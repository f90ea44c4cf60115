"""Parts of a source as samples of one shape and one order of classes."""

from dataclasses import replace

import numpy as np

from rlsel.data.decoding.cache import through_cache
from rlsel.data.decoding.crew import Crew
from rlsel.data.decoding.decode import Decoded, decode
from rlsel.data.decoding.resize import Size
from rlsel.data.image_set import ImageSet
from rlsel.data.patients import in_one_writing
from rlsel.data.samples import S, SampleSet
from rlsel.data.sources import (
    WHOLE,
    EmbeddingsSource,
    FileSource,
    Part,
    find_parts,
    read_embeddings,
)
from rlsel.errors import InputError
from rlsel.schema import paths_of

ORDER = (WHOLE, "train", "val", "test")
"""Training comes first, because the other splits have to match its size and classes."""


def read_parts(
    source: FileSource | EmbeddingsSource,
    size: Size | None,
    skip_bad: bool,
    some_classes: bool = False,
) -> tuple[dict[str, SampleSet], tuple[str, ...]]:
    """The samples of every part of a source, and notes for the user.

    Args:
        size: of every image; None takes the commonest size in the first part for all parts.
        some_classes: also accept a source with one class only, or with classes without images.

    Returns:
        Samples by split, or under `WHOLE`, with ids that are unique over all splits; and notes.

    Raises:
        InputError: something is missing or cannot be read.
    """
    if isinstance(source, EmbeddingsSource):
        parts, notes = read_embeddings(source, some_classes)
        first = next(iter(parts.values()))
        ordered = {
            split: in_class_order(part, first.class_names, f"the {split} split")
            for split, part in parts.items()
        }
        ordered, written_otherwise = in_one_writing(ordered)
        return ordered, (*notes, *written_otherwise)
    with Crew() as crew:
        images, notes = _read_images(source, size, skip_bad, some_classes, crew)
    images, written_otherwise = in_one_writing(images)
    return images, (*notes, *written_otherwise)


def _read_images(
    source: FileSource, size: Size | None, skip_bad: bool, some_classes: bool, crew: Crew
) -> tuple[dict[str, ImageSet], list[str]]:
    images: dict[str, ImageSet] = {}
    notes: list[str] = []
    full_scale: int | None = None
    parts = find_parts(source)
    for split in (key for key in ORDER if key in parts):
        description = f"Decoding {'images' if split == WHOLE else split}"
        part = parts[split]
        decoded = read_part(part, size, skip_bad, description, crew, full_scale, some_classes)
        size = (decoded.images.images.shape[1], decoded.images.images.shape[2])
        full_scale = full_scale or decoded.full_scale
        first = next(iter(images.values()), decoded.images)
        renamed = in_class_order(decoded.images, first.class_names, f"the {split} split")
        images[split] = renamed if split == WHOLE else _with_prefix(renamed, split)
        told = (*part.notes, *decoded.notes)
        notes += [f"{split}: {note}" if split != WHOLE else note for note in told]
    return images, notes


def read_whole(
    source: FileSource | EmbeddingsSource, size: Size | None, skip_bad: bool
) -> tuple[SampleSet, tuple[str, ...]]:
    """All samples of a source without splits, such as the candidates of a pool.

    Classes may be absent.

    Raises:
        InputError: the source has splits.
    """
    parts, notes = read_parts(source, size, skip_bad, some_classes=True)
    if WHOLE not in parts:
        where = ", ".join(paths_of(source).values())
        raise InputError(f"{where}: holds {', '.join(parts)}, but one set is needed here")
    return parts[WHOLE], notes


def read_part(
    part: Part,
    size: Size | None,
    skip_bad: bool,
    description: str,
    crew: Crew,
    full_scale: int | None = None,
    some_classes: bool = False,
) -> Decoded:
    """One part, decoded now or read from the cache if it was decoded before."""

    def build() -> Decoded:
        listing = part.read()
        if listing.lacking and not some_classes:
            raise InputError(listing.lacking)
        return decode(listing, size, skip_bad, description, full_scale, crew)

    # Cached real images have passed the check for absent classes. Candidates skip that check, so
    # their entries have a key of their own.
    told = (size, skip_bad, full_scale, *(("some classes",) if some_classes else ()))
    return through_cache(part, settings=repr(told), build=build, crew=crew)


def in_class_order(images: S, class_names: tuple[str, ...], what: str) -> S:
    """The same samples with labels that index `class_names`, matched by name.

    Raises:
        InputError: a sample has a class that is not among `class_names`.
    """
    if images.class_names == class_names:
        return images
    counts = images.counts
    if unknown := [name for name in counts if counts[name] and name not in class_names]:
        hint = "; set class_names there" if all(name.isdigit() for name in unknown) else ""
        raise InputError(
            f"{what} has the class {', '.join(map(repr, unknown))}, which training lacks; "
            f"known are {', '.join(class_names)}{hint}"
        )
    order = {name: index for index, name in enumerate(class_names)}
    index_C = np.array([order.get(name, -1) for name in images.class_names])
    return images.changed(labels=index_C[images.labels], class_names=class_names)


def _with_prefix(images: ImageSet, split: str) -> ImageSet:
    return replace(images, ids=np.char.add(f"{split}/", images.ids))
