"""`ImageSet`: labelled images in memory.

Shape letters in this package: N samples, H rows, W columns, C channels (always 3, RGB).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int, UInt8

from rlsel.data.samples import SampleSet, concatenate

__all__ = ["ImageSet", "as_images", "concatenate", "size_of"]


@dataclass(frozen=True)
class ImageSet(SampleSet):
    """Images with labels and stable names. Arrays may be memory-mapped; nothing writes to them."""

    images: UInt8[np.ndarray, "n h w 3"]
    """RGB, 0 to 255."""
    labels: Int[np.ndarray, " n"]
    class_names: tuple[str, ...]
    ids: np.ndarray
    patients: np.ndarray | None = None
    noun: ClassVar[str] = "image"
    content_noun: ClassVar[str] = "pixels"
    content: ClassVar[str] = "images"

    @property
    def shape_text(self) -> str:
        height, width = self.size
        return f"{height} x {width} px"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every image."""
        return self.images.shape[1], self.images.shape[2]


def as_images(samples: SampleSet) -> ImageSet:
    """The same samples, typed as images, for modules that work on images alone.

    Raises:
        ValueError: the samples are of another kind.
    """
    if not isinstance(samples, ImageSet):
        raise ValueError(f"images are needed, not {samples.noun}s")
    return samples


def size_of(samples: SampleSet) -> tuple[int, int] | None:
    """(height, width) of images; None of other samples."""
    return samples.size if isinstance(samples, ImageSet) else None
