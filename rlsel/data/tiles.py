"""Images laid side by side in rows: contact sheets, grids of a GAN, pairs."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

GAP_PX = 3


def lay_out(rows: Sequence[Sequence[UInt8[np.ndarray, "h w 3"]]]) -> UInt8[np.ndarray, "y x 4"]:
    """One row of tiles below the other, as RGBA; gaps and unused places are transparent.

    Args:
        rows: Tiles of one size; rows may differ in length.
    """
    height, width = rows[0][0].shape[:2]
    across = max(len(row) for row in rows)
    shape = (len(rows) * (height + GAP_PX) - GAP_PX, across * (width + GAP_PX) - GAP_PX, 4)
    canvas = np.zeros(shape, dtype=np.uint8)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            top, left = y * (height + GAP_PX), x * (width + GAP_PX)
            canvas[top : top + height, left : left + width, :3] = tile
            canvas[top : top + height, left : left + width, 3] = 255
    return canvas


def to_png(pixels: UInt8[np.ndarray, "y x c"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
