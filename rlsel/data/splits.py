"""`load_splits`: from a source to train, reward-val, selection-val, test and held-back samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlsel.data.config import DataConfig, Ratios
from rlsel.data.patients import tell_of_patients
from rlsel.data.phantom import PhantomSource, draw_splits
from rlsel.data.positive_class import with_positive_last
from rlsel.data.read import read_parts
from rlsel.data.samples import SampleSet
from rlsel.data.sources import WHOLE
from rlsel.data.stratify import cut, draw
from rlsel.errors import InputError
from rlsel.machine.wording import counted, first_few
from rlsel.seeding import rng

RATIOS_UNUSED = "data.ratios is not used, as the source gives train, val and test"


@dataclass(frozen=True)
class Splits:
    """The real samples. If patients are known, none is in two of train, validation and test."""

    train: SampleSet
    reward_val: SampleSet
    """The half of validation that the reward sees."""
    selection_val: SampleSet
    """The other half, which chooses among checkpoints and shows overfitting."""
    test: SampleSet
    """The final scores come from it, and nothing is chosen by it."""
    held_back: SampleSet | None = None
    """Samples of the training split that `num_train` did not draw; None if it drew all."""
    notes: tuple[str, ...] = ()
    """What was resized, converted or left out."""
    cautions: tuple[str, ...] = ()
    """Problems found while reading that could spoil a result."""
    ratios: Ratios | None = None
    """The ratios by which validation was cut. None if the source gave it or `num_val` limits it."""

    def __post_init__(self) -> None:
        held_back = {} if self.held_back is None else {"held_back": self.held_back}
        for name, images in {**self.named(), **held_back}.items():
            here, first = ((s.noun, s.class_names, s.shape) for s in (images, self.train))
            if here != first:
                raise ValueError(f"{name} has {here}, train {first}")

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    def named(self) -> dict[str, SampleSet]:
        """The splits that a score may depend on, by name."""
        return {
            "train": self.train,
            "reward_val": self.reward_val,
            "selection_val": self.selection_val,
            "test": self.test,
        }


def load_splits(config: DataConfig, seed: int) -> Splits:
    """Read, resize, split and draw the real images.

    Each step has its own random numbers, so asking for other test images changes no training image.

    Raises:
        InputError: something about the source is wrong, or it has too few images.
    """
    images, cut_splits, notes, cautions = _three_parts(config, seed)
    images = with_positive_last(images, config.positive_class)
    train, held_back = _draw(images["train"], config.num_train, "train", seed)
    val, _ = _draw(images["val"], config.num_val, "val", seed)
    test, _ = _draw(images["test"], config.num_test, "test", seed)
    fraction = config.reward_val_fraction
    reward_val, selection_val = _cut(
        val, (fraction, 1 - fraction), rng(seed, "splits", "halves of val")
    )
    splits = Splits(
        train=train,
        reward_val=reward_val,
        selection_val=selection_val,
        test=test,
        held_back=held_back if len(held_back) else None,
        notes=notes,
        cautions=cautions,
        ratios=config.ratios if "val" in cut_splits and config.num_val is None else None,
    )
    require_every_class(splits.named())
    return splits


class _Parts(NamedTuple):
    """Train, val and test, before `num_train`, `num_val` and `num_test` draw from them."""

    images: dict[str, SampleSet]
    cut: tuple[str, ...] = ()
    """The splits among val and test that were cut by ratio, from train or from the whole."""
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def _three_parts(config: DataConfig, seed: int) -> _Parts:
    """Train, val and test as the source gives them, or cut by ratio."""
    if isinstance(config.source, PhantomSource):
        notes = () if config.ratios == Ratios() else (RATIOS_UNUSED,)
        drawn = draw_splits(config.source, rng(seed, "splits", "phantom"))
        return _Parts({**drawn}, notes=notes)
    parts, notes = read_parts(config.source, config.size, config.skip_bad)
    ratios, generator = config.ratios, rng(seed, "splits", "ratios")
    missing = tuple(split for split in ("val", "test") if split not in parts)
    if WHOLE in parts:
        shares = (ratios.train, ratios.val, ratios.test)
        cuts = _cut(parts.pop(WHOLE), shares, generator)
        parts |= zip(("train", "val", "test"), cuts, strict=True)
    elif missing:
        wanted = getattr(ratios, missing[0])
        share = wanted / (ratios.train + wanted)
        parts["train"], parts[missing[0]] = _cut(parts["train"], (1 - share, share), generator)
        notes = (*notes, f"{missing[0]}: the source has none, so {share:.1%} of train was cut off")
    elif ratios != Ratios():
        notes = (*notes, RATIOS_UNUSED)
    cautions = tell_of_patients(config.source, parts)
    return _Parts(parts, missing, notes, cautions)


def _cut(
    images: SampleSet, shares: tuple[float, ...], generator: np.random.Generator
) -> list[SampleSet]:
    return [images.take(part) for part in cut(images.labels, images.patients, shares, generator)]


def _draw(images: SampleSet, num: int | None, split: str, seed: int) -> tuple[SampleSet, SampleSet]:
    """The drawn images and the others."""
    if num is None:
        return images, images.take(np.array([], dtype=np.int64))
    if num > len(images):
        raise InputError(
            f"data.num_{split} is {num:,}, but the split has {counted(len(images), images.noun)}"
        )
    drawn, left = draw(images.labels, num, rng(seed, "splits", "draw", split))
    return images.take(drawn), images.take(left)


def require_every_class(splits: Mapping[str, SampleSet]) -> None:
    """Refuse a split without an image of some class.

    Raises:
        InputError: a split lacks a class; names the first such split and what it lacks.
    """
    for split, images in splits.items():
        if absent := [name for name, count in images.counts.items() if not count]:
            raise InputError(
                f"{split} ({counted(len(images), images.noun)}) has none of class "
                f"{first_few(absent)}: give more {images.noun}s, more patients or other ratios"
            )
