"""What `rlsel check` shows: counts by split and class, and whatever could spoil a result."""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from rlsel.data import ImageSet, Splits
from rlsel.data.wording import counted
from rlsel.pool.pool import Pool

MAX_STANDARD_ERROR = 0.02
"""Of an accuracy. Above it, validation hardly tells two selections apart."""
MIN_TRAIN_PER_CLASS = 20


@dataclass(frozen=True)
class CountRow:
    """One line of the table of inputs."""

    part: str
    """train, reward_val, selection_val, test, held_back or pool."""
    counts: dict[str, int]
    """Images per class."""
    size_px: tuple[int, int]
    """(height, width)."""
    num_patients: int | None
    """None where patients are unknown."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Finding:
    """One thing worth saying about the inputs."""

    level: Literal["note", "warning"]
    text: str


@dataclass(frozen=True)
class InputReport:
    """The inputs of a run as plain data, to be printed or put in a report."""

    rows: tuple[CountRow, ...]
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(finding.text for finding in self.findings if finding.level == "warning")


def describe_inputs(
    splits: Splits,
    pool: Pool | None,
    cautions: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> InputReport:
    """Count everything and look for what could mislead: leaks, few images, small validation sets.

    `cautions` of the settings stand among the warnings, `remarks` among the notes.

    Takes seconds on large sets, as it compares the pixels of all splits.
    """
    parts = dict(splits.named())
    if splits.held_back is not None:
        parts["held_back"] = splits.held_back
    if pool is not None:
        parts["pool"] = pool.candidates
    warnings = [*cautions, *_shared(splits), *_small(splits)]
    notes = [*remarks, *splits.notes, *_standard_errors(splits)]
    if pool is not None:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in pool.kind_counts.items())
        notes += [f"pool: {pool.source}" + (f": {kinds}" if kinds else "")]
        notes += [f"pool: {note}" for note in pool.notes]
    return InputReport(
        rows=tuple(_row(name, images) for name, images in parts.items()),
        findings=(
            *(Finding("warning", text) for text in warnings),
            *(Finding("note", text) for text in notes),
        ),
    )


def standard_error(num_images: int) -> float:
    """The largest standard error that an accuracy over this many images can have."""
    return float(np.sqrt(0.25 / num_images))


def _row(name: str, images: ImageSet) -> CountRow:
    return CountRow(
        part=name,
        counts=images.counts,
        size_px=(images.images.shape[1], images.images.shape[2]),
        num_patients=None if images.patients is None else len(np.unique(images.patients)),
    )


def _standard_errors(splits: Splits) -> list[str]:
    return [
        f"{name}: an accuracy over {len(images):,} images has a standard error of up to "
        f"{standard_error(len(images)):.3f}"
        for name, images in splits.named().items()
        if name != "train" and len(images)
    ]


def _small(splits: Splits) -> list[str]:
    """Validation sets too small to tell selections apart, and classes hardly trained on."""
    needed = round(0.25 / MAX_STANDARD_ERROR**2)
    small = [
        f"{name} has {counted(len(images), 'image')}: accuracies within "
        f"{standard_error(len(images)):.3f} of each other cannot be told apart; "
        f"{needed:,} images would bring that to {MAX_STANDARD_ERROR}"
        for name, images in splits.named().items()
        if name != "train" and len(images) and standard_error(len(images)) > MAX_STANDARD_ERROR
    ]
    return small + [
        f"train has {counted(count, 'image')} of class {name!r}; expect unsteady results"
        for name, count in splits.train.counts.items()
        if count < MIN_TRAIN_PER_CLASS
    ]


def _shared(splits: Splits) -> list[str]:
    """Images or patients that are in two of train, validation and test."""
    found = []
    for (one, first), (other, second) in combinations(splits.named().items(), 2):
        same = int(np.isin(first.image_digests, second.image_digests).sum())
        if same:
            found.append(f"{counted(same, 'image')} of {one} in {other} too, with the same pixels")
        if first.patients is not None and second.patients is not None:
            both = np.intersect1d(first.patients, second.patients)
            if len(both):
                found.append(
                    f"{counted(len(both), 'patient')} in both {one} and {other}, first {both[0]}"
                )
    return found
