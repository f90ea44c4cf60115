"""Resizing by area, so that shrinking averages and never skips a pixel."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from rlsel.data.image_set import ImageSet

Size = tuple[int, int]
"""(height, width) in pixels."""


def resize(image: UInt8[np.ndarray, "h w 3"], size: Size) -> UInt8[np.ndarray, "new_h new_w 3"]:
    """The image at another size.

    Shrinking by a whole factor takes the exact mean of each block, rounded half up. Shrinking by
    any other factor weights pixels by covered area (Pillow's box filter). Enlarging is bilinear.
    """
    (height, width), (new_height, new_width) = image.shape[:2], size
    if (height, width) == size:
        return image
    if height % new_height == 0 and width % new_width == 0:
        return block_mean(image, height // new_height, width // new_width)
    shrinks = new_height <= height and new_width <= width
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((new_width, new_height), how))


def block_mean(
    image: UInt8[np.ndarray, "h w 3"], rows: int, columns: int
) -> UInt8[np.ndarray, "new_h new_w 3"]:
    """The mean of every block of `rows` by `columns` pixels, rounded half up.

    Pillow's `reduce` would be as fast but is off by one for factors that are no power of two.
    """
    height, width, size = image.shape[0] // rows, image.shape[1] // columns, rows * columns
    number = np.uint16 if size * 255 + size // 2 < 2**16 else np.uint32
    strips = image.reshape(height, rows, -1).sum(axis=1, dtype=number)
    strips = strips.reshape(height * width, columns * 3)
    total = np.full((height * width, 3), size // 2, dtype=number)
    for column in range(columns * 3):  # one channel at a time: NumPy is slow in loops of three
        total[:, column % 3] += strips[:, column]
    return (total // number(size)).astype(np.uint8).reshape(height, width, 3)


def resize_set(images: ImageSet, size: Size) -> ImageSet:
    """All images of a set at another size; the set itself if it has that size already."""
    if images.images.shape[1:3] == size:
        return images
    resized = np.empty((len(images), *size, 3), dtype=np.uint8)
    for index, image in enumerate(images.images):
        resized[index] = resize(image, size)
    return replace(images, images=resized)
