"""The block `data` for the user's images: they are read, and read again with better settings."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rlsel.commands.init.limits import Limits, within
from rlsel.commands.init.noted import Block, Noted, noted
from rlsel.commands.init.place import as_config_has_it
from rlsel.data import (
    DataConfig,
    EmbeddingsSource,
    FolderSource,
    NpzSource,
    PhantomSource,
    Ratios,
    Splits,
    load_splits,
)
from rlsel.data.decoding.pixels import read_size
from rlsel.data.decoding.resize import Size
from rlsel.data.patients import found_by, patient_setting
from rlsel.data.positive_class import describe_positive, doubts
from rlsel.data.sources import WHOLE, FileSource, find_parts
from rlsel.data.sources.recognise import AnySource
from rlsel.errors import InputError
from rlsel.generators.registry import DEFAULT_KIND, GENERATORS
from rlsel.machine.wording import by, counted
from rlsel.pool.checks import better_ratios
from rlsel.schema import paths_of

NUM_MEASURED = 200
"""Most images whose size is read before any is decoded."""
CLASSES_NAMED = 6
LEAST_TRAIN = 0.5
"""Least share of the images for training. Validation is not enlarged beyond that."""
NO_NAMES = (
    "The file calls the classes 0, 1, ... To name them in that order, add a line such as\n"
    "  class_names: [benign, malignant]"
)
FOR_FEW = Ratios(train=0.5, val=0.3, test=0.2)
SKIP_BAD = {"skip_bad": True}
WHY_SKIPPED = "Some images cannot be read. They are left out, and `rlsel check` says which."
WHY_FEW = (
    "Shares of train, validation and test. With the default, 0.7, 0.1 and 0.2, some class would "
    "have no image in one of them."
)
HOW = {
    "folder": "in a folder for each class",
    "parquet": "in Parquet",
    "npz": "in an NPZ file",
    "embeddings": "in Parquet",
    "pcam_hdf5": "in PCam's HDF5 files",
}
"""Source -> how its images lie. Of another it is said what reads them."""


@dataclass(frozen=True)
class Found:
    """Real images, with the settings for a config."""

    config: DataConfig
    splits: Splits
    size: Size | None
    """The commonest original size; None for embeddings."""
    num_sizes: int
    """Number of different sizes among the images that were examined."""
    notes: dict[str, str]
    """Setting of `data` -> the reason for its value."""

    @property
    def noun(self) -> str:
        """The word for one sample."""
        return self.splits.train.noun

    @property
    def counts(self) -> dict[str, int]:
        """Images of each class, in all splits."""
        parts = [*self.splits.named().values()]
        parts += [self.splits.held_back] if self.splits.held_back is not None else []
        return {name: sum(part.counts[name] for part in parts) for name in self.splits.class_names}

    @property
    def in_words(self) -> str:
        """1,234 images in a folder for each class (96x96 px): 600 of 'normal', 634 of 'tumour'."""
        counts = self.counts
        some = [f"{count:,} of {name!r}" for name, count in islice(counts.items(), CLASSES_NAMED)]
        more = len(counts) - len(some)
        some += [f"{more} more classes"] if more > 0 else []
        shape = f"{by(self.size)} px" if self.size else self.splits.train.shape_text
        shape += " and others" if self.num_sizes > 1 else ""
        source = self.config.source
        is_npz = isinstance(source, EmbeddingsSource) and source.is_npz
        kind = HOW.get("npz" if is_npz else source.name, f"read as {source.name}")
        return f"{counted(sum(counts.values()), self.noun)} {kind} ({shape}): {', '.join(some)}"


def look_at_images(source: AnySource, limits: Limits, seed: int, makes_candidates: bool) -> Found:
    """Read images, and find the settings that suit them and the machine.

    Args:
        makes_candidates: Whether a generator is to be trained on them.

    Raises:
        InputError: the images cannot be read, or are too few.
    """
    config = DataConfig(source=source)
    notes = {"source": NO_NAMES} if isinstance(source, NpzSource) else {}
    sizes = Counter() if isinstance(source, EmbeddingsSource) else Counter(_sizes(source))
    size = sizes.most_common(1)[0][0] if sizes else None
    if size is not None:
        wanted = _fitting(size, limits, makes_candidates)
        if wanted != size or len(sizes) > 1:
            height, width = wanted
            config = replace(config, size_px=height if height == width else (height, width))
            notes["size_px"] = _why_size(size, wanted, limits)
    config, splits = _first_splits(config, seed)
    found = Found(config, splits, size, len(sizes), notes)
    for improve in (_with_patients, _with_ratios, _with_fewer, _with_positive_class):
        with suppress(InputError):  # not possible here: too few images of a class
            found = improve(found, limits, seed)
    return found


def data_block(found: Found, folder: Path) -> Block:
    """The block as YAML has it.

    Args:
        folder: Of the config, where relative paths begin.
    """
    config = found.config
    paths = paths_of(config.source)
    source = {
        name: as_config_has_it(value, folder) if name in paths else value
        for name, value in asdict(config.source).items()
        if value is not None
    }
    usual = {"patient_from": "none", "image_column": "image", "label_column": "label"}
    shown = {k: v for k, v in source.items() if usual.get(k) != v}
    block: Block = {"source": Noted(_with_notes(shown, found.notes))}
    if config.ratios != Ratios():
        block["ratios"] = Noted(noted(asdict(config.ratios)))
    for key in ("size_px", "num_train", "num_val", "num_test", "positive_class"):
        if (value := getattr(config, key)) is not None:
            block[key] = Noted(list(value) if isinstance(value, tuple) else value)
    if config.skip_bad:
        block["skip_bad"] = Noted(True)
    notes = {"ratios": WHY_FEW, "skip_bad": WHY_SKIPPED, **found.notes}
    return _with_notes({key: one.value for key, one in block.items()}, notes)


def _with_notes(settings: dict[str, Any], notes: dict[str, str]) -> Block:
    return {key: Noted(value, notes.get(key, "")) for key, value in settings.items()}


def _sizes(source: FileSource) -> Iterator[Size]:
    """Sizes of some training images, spread over all if files can be read one by one."""
    parts = find_parts(source)
    listing = parts[WHOLE if WHOLE in parts else "train"].read()
    step = 1 + len(listing.names) // NUM_MEASURED if isinstance(source, FolderSource) else 1
    for payload in islice(listing.payloads(), 0, step * NUM_MEASURED, step):
        if size := read_size(payload):
            yield size


def _first_splits(config: DataConfig, seed: int) -> tuple[DataConfig, Splits]:
    """Splits by the given settings if these work; else with a larger validation set, without the
    unreadable images, or with both changes.

    Raises:
        InputError: none of these changes helps. The message is that of the given settings.
    """
    try:
        return config, load_splits(config, seed)
    except InputError as error:
        changes = [{"ratios": FOR_FEW}, SKIP_BAD, {"ratios": FOR_FEW, **SKIP_BAD}]
        for change in changes[:1] if isinstance(config.source, EmbeddingsSource) else changes:
            changed = replace(config, **change)
            with suppress(InputError):
                return changed, load_splits(changed, seed)
        raise error from None


def _fitting(size: Size, limits: Limits, makes_candidates: bool) -> Size:
    if not makes_candidates:
        return within(size, limits.side_px)
    return GENERATORS[DEFAULT_KIND].nearest_sizes(within(size, limits.made_side_px))[0]


def _why_size(size: Size, wanted: Size, limits: Limits) -> str:
    if wanted == size:
        return "The images have several sizes; this is the commonest of those looked at."
    if max(wanted) < max(size):
        return (
            f"Your images have {by(size)} px. Networks are trained on them many times, at a cost "
            f"that grows with the area, and this machine has {limits.machine}."
        )
    return f"Your images have {by(size)} px; this is the nearest that the generator can make."


def _with_patients(found: Found, limits: Limits, seed: int) -> Found:
    source = found.config.source
    if isinstance(source, PhantomSource):
        return found
    setting = patient_setting(source, found.splits.named())
    if setting is None:
        return found
    key, value = setting
    config, splits = _first_splits(
        replace(found.config, source=replace(source, **{key: value})), seed
    )
    num = len(set().union(*(_patients(part) for part in splits.named().values())))
    example = "" if key == "patient_column" else _example(found.splits, value)
    note = (
        f"The patient of each image{example}: {num:,} patients, none of them in two splits. Delete "
        "this line if it is something else."
    )
    return replace(found, config=config, splits=splits, notes=found.notes | {key: note})


def _patients(part: Any) -> set[str]:
    return set() if part.patients is None else set(part.patients.tolist())


def _example(splits: Splits, form: str) -> str:
    name = str(splits.train.ids[0])
    below = name.partition(f"{splits.class_names[splits.train.labels[0]]}/")[2] or name
    return f", by the names of files ({below} is of {found_by(form, [below])[0]})"


def _with_ratios(found: Found, limits: Limits, seed: int) -> Found:
    better = better_ratios(found.splits)
    if better is None or better.train < LEAST_TRAIN:
        return found
    config = replace(found.config, ratios=better)
    note = (
        "Shares of train, validation and test. With the default, 0.7, 0.1 and 0.2, validation "
        "would be too small to tell selections apart."
    )
    return replace(
        found, config=config, splits=load_splits(config, seed), notes=found.notes | {"ratios": note}
    )


def _with_fewer(found: Found, limits: Limits, seed: int) -> Found:
    splits = found.splits
    there = {
        "train": len(splits.train),
        "val": len(splits.reward_val) + len(splits.selection_val),
        "test": len(splits.test),
    }
    fewer = {
        f"num_{split}": limits.num_of_split[split]
        for split, num in there.items()
        if num > limits.num_of_split[split]
    }
    if not fewer:
        return found
    config = replace(found.config, **fewer)
    notes = {
        key: f"Of {there[key.removeprefix('num_')]:,}. Delete the line to use all." for key in fewer
    }
    first = next(iter(fewer))
    notes[first] = (
        f"So that a first run ends in good time on {limits.machine}, it uses a part of the "
        f"{found.noun}s. {notes[first]}"
    )
    return replace(
        found, config=config, splits=load_splits(config, seed), notes=found.notes | notes
    )


def _with_positive_class(found: Found, limits: Limits, seed: int) -> Found:
    names = found.splits.class_names
    if len(names) != 2:
        return found
    positive = names[0] if doubts(names, None) else names[1]
    config = replace(found.config, positive_class=positive)
    splits = load_splits(config, seed)
    said = describe_positive(splits.class_names)
    note = f"S{said[1:]}."
    return replace(
        found, config=config, splits=splits, notes=found.notes | {"positive_class": note}
    )
