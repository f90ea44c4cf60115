"""Random features and images that fit together, for tests that train nothing."""

import numpy as np

from rlsel.data import ImageSet, Splits
from rlsel.features import Features
from rlsel.pool import Pool

CLASS_NAMES = ("normal", "low", "high")


def image_set(num: int, seed: int, num_classes: int = 3) -> ImageSet:
    """Every class is there; images are 7 x 5 of noise."""
    rng = np.random.default_rng(seed)
    labels_N = np.append(np.arange(num_classes), rng.integers(num_classes, size=num - num_classes))
    images = rng.integers(0, 256, (num, 7, 5, 3), np.uint8)
    ids = np.array([f"{seed}-{index}" for index in range(num)])
    return ImageSet(images, labels_N, CLASS_NAMES[:num_classes], ids)


def small_splits() -> Splits:
    return Splits(
        train=image_set(29, 1),
        reward_val=image_set(17, 2),
        selection_val=image_set(13, 3),
        test=image_set(11, 4),
        held_back=None,
    )


def small_pool() -> Pool:
    return Pool(image_set(41, 5), "random")


def small_features(seed: int = 0, size: int = 19) -> Features:
    rng = np.random.default_rng(seed)

    def draw(num: int, width: int = size) -> np.ndarray:
        return rng.standard_normal((num, width), dtype=np.float32)

    return Features(
        train=draw(29),
        candidates=draw(41),
        reward_val=draw(17),
        selection_val=draw(13),
        candidate_logits=draw(41, 3),
    )
