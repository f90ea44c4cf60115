"""The report of `rlsel check`: counts by split and class, and problems that may spoil a result."""

import unicodedata
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from rlsel.data import Ratios, Splits
from rlsel.data.image_set import ImageSet
from rlsel.data.samples import SampleSet
from rlsel.machine.wording import counted
from rlsel.pool.pool import Pool

MAX_STANDARD_ERROR = 0.02
"""Largest standard error of an accuracy at which validation can tell two selections apart."""
NUM_VALIDATED = round(0.25 / MAX_STANDARD_ERROR**2)
"""Images needed for that standard error."""
MIN_TRAIN_PER_CLASS = 20
BRIGHT = 32
"""Value of 255. If no pixel of any training image is as bright, the scale is likely wrong."""
PAIRS_NAMED = 3


@dataclass(frozen=True)
class CountRow:
    """One line of the table of inputs."""

    part: str
    """train, reward_val, selection_val, test, held_back or pool."""
    counts: dict[str, int]
    """Images per class."""
    shape: str
    """Shape of each sample, such as 96 x 96 px."""
    num_patients: int | None
    """None if patients are unknown."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Finding:
    """One warning or note on the inputs."""

    level: Literal["note", "warning"]
    text: str


@dataclass(frozen=True)
class InputReport:
    """The inputs of a run as plain data, for the terminal and the report."""

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
    """Count everything and look for problems: leaks, few images, small validation sets.

    Takes seconds on large sets, because it compares the pixels of all splits.

    Args:
        cautions: of the settings; they are added to the warnings.
        remarks: on the settings; they are added to the notes.
    """
    parts = dict(splits.named())
    if splits.held_back is not None:
        parts["held_back"] = splits.held_back
    if pool is not None:
        parts["pool"] = pool.candidates
    warnings = [*cautions, *splits.cautions, *_shared(splits), *_two_labels(splits)]
    warnings += [*_alike(splits.class_names), *_dark(splits), *_small(splits)]
    notes = [*remarks, *splits.notes, *_standard_errors(splits)]
    if pool is not None:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in pool.kind_counts.items())
        notes += [f"pool: {pool.source}" + (f": {kinds}" if kinds else "")]
        notes += [f"pool: {note}" for note in (*pool.notes, *absent_classes(pool))]
    return InputReport(
        rows=tuple(_row(name, images) for name, images in parts.items()),
        findings=(
            *(Finding("warning", text) for text in warnings),
            *(Finding("note", text) for text in notes),
        ),
    )


def absent_classes(pool: Pool) -> tuple[str, ...]:
    """A note if some class has no candidate. Such a class is trained on its real images alone."""
    if not pool.absent:
        return ()
    return (f"no candidate of class {', '.join(map(repr, pool.absent))}",)


def standard_error(num_images: int) -> float:
    """Upper bound on the standard error of an accuracy over this many images."""
    return float(np.sqrt(0.25 / num_images))


def _row(name: str, images: SampleSet) -> CountRow:
    return CountRow(
        part=name,
        counts=images.counts,
        shape=images.shape_text,
        num_patients=None if images.patients is None else len(np.unique(images.patients)),
    )


def _standard_errors(splits: Splits) -> list[str]:
    return [
        f"{name}: an accuracy over {counted(len(images), images.noun)} has a standard error of up "
        f"to {standard_error(len(images)):.3f}"
        for name, images in splits.named().items()
        if name != "train" and len(images) and not _is_small(images)
    ]


def _small(splits: Splits) -> list[str]:
    """Warnings on validation sets too small to tell selections apart, and on small classes."""
    small = [
        f"{name} has {counted(len(images), images.noun)}: accuracies within "
        f"{standard_error(len(images)):.3f} of each other cannot be told apart; "
        f"{NUM_VALIDATED:,} {images.noun}s would bring that to {MAX_STANDARD_ERROR}"
        for name, images in splits.named().items()
        if name != "train" and len(images) and _is_small(images)
    ]
    return [*small, *_mending_ratios(splits)] + [
        f"train has {counted(count, splits.train.noun)} of class {name!r}; expect unsteady results"
        for name, count in splits.train.counts.items()
        if count < MIN_TRAIN_PER_CLASS
    ]


def _is_small(images: SampleSet) -> bool:
    return standard_error(len(images)) > MAX_STANDARD_ERROR


def better_ratios(splits: Splits) -> Ratios | None:
    """Ratios that give both halves of validation enough images.

    None if they have enough already, if the ratios were not used, or if no ratios would do.
    """
    needed = NUM_VALIDATED
    smaller = min(len(splits.reward_val), len(splits.selection_val))
    if splits.ratios is None or smaller >= needed or not smaller:
        return None
    num_val = len(splits.reward_val) + len(splits.selection_val)
    num_held_back = 0 if splits.held_back is None else len(splits.held_back)
    test = splits.ratios.test
    share = needed * num_val / smaller / (len(splits.train) + num_held_back + num_val)
    val = np.ceil(100 * share * (1 - test)) / 100
    train = 1 - test - val
    if train < val:
        return None  # more images are needed, not other ratios
    return Ratios(train=round(float(train), 4), val=round(float(val), 4), test=test)


def _mending_ratios(splits: Splits) -> list[str]:
    better = better_ratios(splits)
    if better is None:
        return []
    train, val, test = better.train, better.val, better.test
    return [
        f"data.ratios: {{train: {train:.4g}, val: {val:.4g}, test: {test:.4g}}} would give each "
        f"half of validation {NUM_VALIDATED:,} {splits.train.noun}s or more"
    ]


def _alike(class_names: tuple[str, ...]) -> list[str]:
    """Warnings on class names that are likely two spellings of one class."""
    by_plain: dict[str, list[str]] = {}
    for name in class_names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        by_plain.setdefault(" ".join(plain.split()), []).append(name)
    return [
        f"the classes {' and '.join(map(repr, names))} differ in case or blanks alone; if they are "
        "one, give them one name"
        for names in by_plain.values()
        if len(names) > 1
    ]


def _dark(splits: Splits) -> list[str]:
    if not isinstance(splits.train, ImageSet):
        return []
    brightest = int(splits.train.images.max(initial=0))
    if brightest >= BRIGHT:
        return []
    return [
        f"no pixel of train is above {brightest} of 255, so the images are nearly black; their "
        "values may be of another scale, such as 12 bits in 16, or 0 to 1"
    ]


def _two_labels(splits: Splits) -> list[str]:
    """A warning on images that occur with more than one label, in one split or in several."""
    every = splits.named().values()
    digests = np.concatenate([images.value_digests for images in every])
    labels = np.concatenate([images.labels for images in every])
    ids = np.concatenate([images.ids for images in every])
    order = np.lexsort((labels, digests))
    same = digests[order][1:] == digests[order][:-1]
    differs = np.flatnonzero(same & (labels[order][1:] != labels[order][:-1]))
    if not len(differs):
        return []
    pairs = [f"{ids[order[at]]} and {ids[order[at + 1]]}" for at in differs[:PAIRS_NAMED]]
    return [
        f"{counted(len(np.unique(digests[order[differs]])), splits.train.noun)} under two labels, "
        f"with the same {splits.train.content_noun}: {'; '.join(pairs)}"
        f"{'; ...' * (len(differs) > PAIRS_NAMED)}"
    ]


def _shared(splits: Splits) -> list[str]:
    """Warnings on images or patients that are in two of train, validation and test."""
    found = []
    for (one, first), (other, second) in combinations(splits.named().items(), 2):
        same = int(np.isin(first.value_digests, second.value_digests).sum())
        if same:
            found.append(
                f"{counted(same, first.noun)} of {one} in {other} too, with the same "
                f"{first.content_noun}"
            )
        if first.patients is not None and second.patients is not None:
            both = np.intersect1d(first.patients, second.patients)
            if len(both):
                found.append(
                    f"{counted(len(both), 'patient')} in both {one} and {other}, first {both[0]}"
                )
    known = [name for name, images in splits.named().items() if images.patients is not None]
    unknown = [name for name in splits.named() if name not in known]
    if known and unknown:
        found.append(
            f"patients of {', '.join(unknown)} are unknown, those of {', '.join(known)} are not, "
            "so nothing tells whether the two share some"
        )
    return found
