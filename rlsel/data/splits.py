"""`load_splits`: a source to train, reward-val, selection-val, test and what training left over."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlsel.data.config import DataConfig
from rlsel.data.image_set import ImageSet
from rlsel.data.phantom import PhantomSource, draw_splits
from rlsel.data.positive_class import with_positive_last
from rlsel.data.read import read_parts
from rlsel.data.sources import WHOLE
from rlsel.data.stratify import cut, draw
from rlsel.data.wording import counted
from rlsel.errors import InputError
from rlsel.seeding import rng


@dataclass(frozen=True)
class Splits:
    """The real images. No patient is in two of train, validation and test where they are known."""

    train: ImageSet
    reward_val: ImageSet
    """The half of validation that the reward sees."""
    selection_val: ImageSet
    """The other half: it chooses among checkpoints and raises the alarm on overfitting."""
    test: ImageSet
    """It scores, and nothing is chosen by it."""
    held_back: ImageSet | None = None
    """Images of the training split that `num_train` did not draw; None where it drew all."""
    notes: tuple[str, ...] = ()
    """What was resized, converted or left out."""

    def __post_init__(self) -> None:
        held_back = {} if self.held_back is None else {"held_back": self.held_back}
        for name, images in {**self.named(), **held_back}.items():
            here = (images.class_names, *images.images.shape[1:3])
            if here != (self.class_names, *self.size):
                raise ValueError(f"{name} has {here}, train {(self.class_names, *self.size)}")

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.train.class_names

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every image."""
        return self.train.images.shape[1], self.train.images.shape[2]

    def named(self) -> dict[str, ImageSet]:
        """The splits that a score may depend on, by name."""
        return {
            "train": self.train,
            "reward_val": self.reward_val,
            "selection_val": self.selection_val,
            "test": self.test,
        }


def load_splits(config: DataConfig, seed: int) -> Splits:
    """Read, resize, split and draw the real images.

    Each step has random numbers of its own: asking for other test images changes no training image.

    Raises:
        InputError: something about the source is wrong, or it has too few images.
    """
    parts, notes = _three_parts(config, seed)
    parts = with_positive_last(parts, config.positive_class)
    train, held_back = _draw(parts["train"], config.num_train, "train", seed)
    val, _ = _draw(parts["val"], config.num_val, "val", seed)
    test, _ = _draw(parts["test"], config.num_test, "test", seed)
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
    )
    require_every_class(splits.named())
    return splits


def _three_parts(config: DataConfig, seed: int) -> tuple[dict[str, ImageSet], tuple[str, ...]]:
    """Train, val and test, as the source gives them or cut by ratio; and notes."""
    if isinstance(config.source, PhantomSource):
        return draw_splits(config.source, rng(seed, "splits", "phantom")), ()
    parts, notes = read_parts(config.source, config.size, config.skip_bad)
    ratios = config.ratios
    if WHOLE in parts:
        shares = (ratios.train, ratios.val, ratios.test)
        cuts = _cut(parts[WHOLE], shares, rng(seed, "splits", "ratios"))
        return dict(zip(("train", "val", "test"), cuts, strict=True)), notes
    if "val" not in parts:
        val_share = ratios.val / (ratios.train + ratios.val)
        generator = rng(seed, "splits", "ratios")
        parts["train"], parts["val"] = _cut(parts["train"], (1 - val_share, val_share), generator)
        notes = (*notes, f"val: the source has none, so {val_share:.1%} of train was cut off")
    return parts, notes


def _cut(
    images: ImageSet, shares: tuple[float, ...], generator: np.random.Generator
) -> list[ImageSet]:
    return [images.take(part) for part in cut(images.labels, images.patients, shares, generator)]


def _draw(images: ImageSet, num: int | None, split: str, seed: int) -> tuple[ImageSet, ImageSet]:
    """The drawn images and the others."""
    if num is None:
        return images, images.take(np.array([], dtype=np.int64))
    if num > len(images):
        raise InputError(
            f"data.num_{split} is {num:,}, but the split has {counted(len(images), 'image')}"
        )
    drawn, left = draw(images.labels, num, rng(seed, "splits", "draw", split))
    return images.take(drawn), images.take(left)


def require_every_class(splits: Mapping[str, ImageSet]) -> None:
    """Refuse a split without an image of some class.

    Raises:
        InputError: names the first such split and what it lacks.
    """
    for split, images in splits.items():
        if absent := [name for name, count in images.counts.items() if not count]:
            raise InputError(
                f"{split} ({counted(len(images), 'image')}) has none of class "
                f"{', '.join(map(repr, absent))}: give more images, more patients or other ratios"
            )
