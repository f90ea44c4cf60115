"""The ids of all images as CSV, to compute features of the images elsewhere."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from rlsel.data import SampleSet, Splits
from rlsel.features.extractors.file_features import CANDIDATES
from rlsel.machine.atomic_files import write_text
from rlsel.pool import Pool


def write_ids(path: Path, splits: Splits, pool: Pool | None) -> int:
    """Write a row for each image: part, id, class, and patient if any patient is known.

    A part is the name of a split, held_back or candidates. Images of test and held_back are
    included, because another seed may have them in train.

    Args:
        pool: None if a generator is still to make it.

    Returns:
        The number of images.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    parts = splits.named()
    if splits.held_back is not None:
        parts["held_back"] = splits.held_back
    if pool is not None:
        parts[CANDIDATES] = pool.candidates
    has_patients = any(images.patients is not None for images in parts.values())
    columns = ["part", "id", "class", *(["patient"] if has_patients else [])]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for part, images in parts.items():
        writer.writerows(row[: len(columns)] for row in _rows(part, images))
    write_text(path, text.getvalue())
    return sum(map(len, parts.values()))


def _rows(part: str, images: SampleSet) -> Iterator[tuple[str, str, str, str]]:
    patients = [""] * len(images) if images.patients is None else images.patients.tolist()
    for id_, label, patient in zip(images.ids.tolist(), images.labels, patients, strict=True):
        yield part, id_, images.class_names[label], patient
