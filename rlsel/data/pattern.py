"""One pattern in all images of a class: what generators fall back on and feature spaces miss.

Pooled features do not say where in an image something is. A generator that repeats one texture can
so score well in them, while a classifier learns the texture in place of the tissue.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import uniform_filter

from rlsel.data.image_set import ImageSet

SURROUNDINGS_PX = 5
"""Side of the box whose mean is taken off each pixel: what is left is texture, not colour."""
SUSPICIOUS = 0.1
"""Correlation above that of real images from which a user is told."""
MOST_COMPARED = 512
"""Images of a class; the first ones, which are as good as any where order means nothing."""


def shared_pattern(images_NHW3: UInt8[np.ndarray, "n h w 3"]) -> float:
    """Mean correlation of the fine structure of two images: 0 for tissue, 1 for copies of one.

    Real images that are aligned, such as chests, correlate as well, so compare with real ones.

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
    # The mean over pairs of different rows, without making the pairs.
    return float((np.square(x_NP.sum(0)).sum() - np.square(x_NP).sum()) / (num * (num - 1)))


def pattern_by_class(images: ImageSet) -> dict[str, float]:
    """`shared_pattern` by class name."""
    return {
        name: shared_pattern(images.images[images.labels == c])
        for c, name in enumerate(images.class_names)
    }


def warn_of_pattern(made: Mapping[str, float], real: Mapping[str, float]) -> list[str]:
    """A line for each class whose images share a pattern that real ones do not."""
    return [
        f"candidates of {name!r} share one pattern: two of them correlate by {made[name]:.2f}, "
        f"real images by {real[name]:.2f}; a classifier would learn the pattern, so make them anew"
        for name in made
        if made[name] - real[name] > SUSPICIOUS
    ]
