"""The candidates most like one training image, each above its original."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from rlsel.quality.of_run import COPIES
from rlsel.reporting.contact_sheets import GAP_PX, enlarged


def draw_copies(run_dir: Path) -> bytes | None:
    """`draw_pairs` of a run; None where it left none."""
    path = run_dir / COPIES
    if not path.exists():
        return None
    with np.load(path) as stored:
        return draw_pairs(stored["candidates"], stored["originals"])


def draw_pairs(
    candidates: UInt8[np.ndarray, "k h w 3"], originals: UInt8[np.ndarray, "k h w 3"]
) -> bytes:
    """PNG with a column for each pair, the candidate above."""
    rows = [[enlarged(image) for image in images] for images in (candidates, originals)]
    height, width = rows[0][0].shape[:2]
    shape = (2 * height + GAP_PX, len(rows[0]) * (width + GAP_PX) - GAP_PX, 4)
    canvas = np.zeros(shape, dtype=np.uint8)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            top, left = y * (height + GAP_PX), x * (width + GAP_PX)
            canvas[top : top + height, left : left + width, :3] = tile
            canvas[top : top + height, left : left + width, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
