"""Small real splits of two classes. rlsel is imported inside, so that jaxtyping can hook it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from rlsel.data import ImageSet, Splits


@pytest.fixture
def image_set() -> Callable[..., ImageSet]:
    """A set of random images, as many of each class as `counts` says."""
    from rlsel.data import ImageSet

    def make(counts: dict[str, int], seed: int = 0, size: tuple[int, int] = (7, 5)) -> ImageSet:
        labels = np.repeat(np.arange(len(counts)), list(counts.values()))
        images = np.random.default_rng(seed).integers(0, 256, (len(labels), *size, 3), np.uint8)
        ids = np.array([f"real-{seed}-{index}" for index in range(len(labels))])
        return ImageSet(images, labels, tuple(counts), ids)

    return make


@pytest.fixture
def splits(image_set: Callable[..., ImageSet]) -> Splits:
    from rlsel.data import Splits

    few = {"normal": 10, "tumour": 9}
    return Splits(
        train=image_set(few, seed=1),
        reward_val=image_set(few, seed=2),
        selection_val=image_set(few, seed=3),
        test=image_set(few, seed=4),
        held_back=image_set({"normal": 61, "tumour": 53}, seed=5),
    )
