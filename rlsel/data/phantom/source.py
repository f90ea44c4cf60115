"""`PhantomSource`: how many real images to draw, and how hard it is to tell their classes apart.

Shape letters: N images, C classes.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int, UInt8
from pydantic import Field, PositiveInt

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom.tissue import Look, draw_tissue
from rlsel.schema import config

Spread = Annotated[float, Field(ge=0, le=3)]


@config
class PhantomSource:
    """Drawn patches of normal tissue and tumour: no download, and the same on every machine."""

    name: Literal["phantom"] = "phantom"
    num_train: PositiveInt = 320
    """Training images, of all classes together."""
    num_val: Annotated[int, Field(ge=2)] = 800
    """Validation images, cut in two later: reward-val and selection-val."""
    num_test: PositiveInt = 1000
    """Test images, of all classes together."""
    size_px: Annotated[int, Field(ge=16, le=512)] = 32
    """Side of the square patches."""
    num_classes: Annotated[int, Field(ge=2, le=4)] = 2
    """2: normal, tumour. 3 and 4: normal, grade_1, grade_2, grade_3, evenly spaced in grade."""
    um_per_px: Annotated[float, Field(ge=0.2, le=3)] = 1.2
    """Scale of the drawing. Larger patches show more tissue, not the same tissue enlarged."""
    grade_separation: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Mean latent grade of the last class minus that of the first; 0 makes the classes equal."""
    grade_spread: Spread = 0.1
    """Standard deviation of the grade within a class: how much the classes overlap."""
    attribute_spread: Spread = 0.2
    """Standard deviation by which nuclear size, crowding, darkness and so on stray from the grade
    of their image."""
    stain_spread: Spread = 0.16
    """Standard deviation of the logarithm of each stain's strength from image to image."""


def draw_splits(source: PhantomSource, rng: np.random.Generator) -> dict[str, ImageSet]:
    """Splits "train", "val" and "test", each balanced over the classes and shuffled."""
    sizes = {"train": source.num_train, "val": source.num_val, "test": source.num_test}
    # Each split has its own generator, so asking for more training images changes no test image.
    streams = rng.spawn(len(sizes))
    return {
        split: _draw_split(split, size, source, stream)
        for (split, size), stream in zip(sizes.items(), streams, strict=True)
    }


def draw_labelled(
    labels_N: Int[np.ndarray, " n"], source: PhantomSource, rng: np.random.Generator
) -> UInt8[np.ndarray, "n h w 3"]:
    """Fresh images whose true classes are `labels_N`."""
    mean_C = 0.5 + source.grade_separation * np.linspace(-0.5, 0.5, source.num_classes)
    grade_N = rng.normal(mean_C[labels_N], source.grade_spread)
    look = Look(source.um_per_px, source.attribute_spread, source.stain_spread)
    return draw_tissue(grade_N, source.size_px, look, rng)


def numbered(prefix: str, size: int) -> np.ndarray:
    """(n,) ids, such as phantom-train-00012."""
    return np.array([f"{prefix}-{index:05d}" for index in range(size)])


def _draw_split(split: str, size: int, source: PhantomSource, rng: np.random.Generator) -> ImageSet:
    labels_N = rng.permutation(np.arange(size) % source.num_classes)
    return ImageSet(
        images=draw_labelled(labels_N, source, rng),
        labels=labels_N,
        class_names=_class_names(source.num_classes),
        ids=numbered(f"phantom-{split}", size),
    )


def _class_names(num_classes: int) -> tuple[str, ...]:
    if num_classes == 2:
        return ("normal", "tumour")
    return ("normal", *(f"grade_{grade}" for grade in range(1, num_classes)))
