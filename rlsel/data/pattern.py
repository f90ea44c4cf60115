"""Detect one pattern that repeats in all images of a class.

Weak generators repeat such a pattern, and scores in feature space miss it: pooled features do not
say where in an image something is. A classifier then learns the texture in place of the tissue.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import uniform_filter

from rlsel.data.image_set import ImageSet

SURROUNDINGS_PX = 5
"""Side of the box whose mean is subtracted from each pixel. Texture is left, colour is not."""
SUSPICIOUS = 0.1
"""The user is warned if candidates correlate by this much more than real images do."""
MOST_COMPARED = 512
"""Images compared per class: the first ones, since the order of images carries no meaning."""


def shared_pattern(images_NHW3: UInt8[np.ndarray, "n h w 3"]) -> float:
    """Mean correlation of the fine structure of image pairs: 0 for tissue, 1 for identical copies.

    Aligned real images, such as chest X-rays, correlate too. Compare the value with that of real
    images of the same class.

    Returns:
        NaN for fewer than two images.
    """
    num = min(len(images_NHW3), MOST_COMPARED)
    if num < 2:
        return float("nan")
    x_NHW3 = images_NHW3[:num].astype(np.float32)
    x_NHW3 -= uniform_filter(x_NHW3, (0, SURROUNDINGS_PX, SURROUNDINGS_PX, 0), mode="reflect")
    x_NP = x_NHW3.reshape(num, -1)
    x_NP /= np.maximum(np.linalg.norm(x_NP, axis=1, keepdims=True), 1e-9)
    # The mean over all pairs of different rows, computed without forming the pairs.
    return float((np.square(x_NP.sum(0)).sum() - np.square(x_NP).sum()) / (num * (num - 1)))


def pattern_by_class(images: ImageSet) -> dict[str, float]:
    """`shared_pattern` by class name."""
    return {
        name: shared_pattern(images.images[np.flatnonzero(images.labels == c)[:MOST_COMPARED]])
        for c, name in enumerate(images.class_names)
    }


def warn_of_pattern(made: Mapping[str, float], real: Mapping[str, float]) -> list[str]:
    """A warning for each class whose candidates share a pattern that real images do not have."""
    return [
        f"candidates of {name!r} share one pattern: two of them correlate by {made[name]:.2f}, "
        f"real images by {real[name]:.2f}; a classifier would learn the pattern, so make them anew"
        for name in made
        if made[name] - real[name] > SUSPICIOUS
    ]
