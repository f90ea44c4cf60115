"""A picture of the candidates most similar to a training image, each above its original."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from rlsel.data.tiles import lay_out, to_png
from rlsel.quality.pairs import read_pairs
from rlsel.runs.contact_sheets import enlarged


def draw_copies(run_dir: Path) -> tuple[bytes, int] | None:
    """The picture of a run's pairs, and how many of the first pairs count as copies; None if the
    run wrote no pairs."""
    pairs = read_pairs(run_dir)
    if pairs is None or pairs.candidates is None or pairs.originals is None:
        return None
    return draw_pairs(pairs.candidates, pairs.originals), int(pairs.flagged.sum())


def draw_pairs(
    candidates: UInt8[np.ndarray, "k h w 3"], originals: UInt8[np.ndarray, "k h w 3"]
) -> bytes:
    """PNG with a column for each pair, the candidate above."""
    rows = [[enlarged(image) for image in images] for images in (candidates, originals)]
    return to_png(lay_out(rows))
