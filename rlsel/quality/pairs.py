"""The candidates that are most like a training image, to be looked at.

Shape letters: K pairs, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rlsel.data import Splits
from rlsel.machine.atomic_files import replacing
from rlsel.pool import Pool
from rlsel.quality.copies import CopyAudit

FILE_NAME = "copies.npz"
NUM_SHOWN = 8


@dataclass(frozen=True)
class Pairs:
    """Candidates and the training images they are most like, most suspicious first."""

    candidates: UInt8[np.ndarray, "k h w 3"]
    originals: UInt8[np.ndarray, "k h w 3"]
    relative: Float[np.ndarray, " k"]
    """`Nearness.relative`."""
    flagged: Bool[np.ndarray, " k"]


def nearest_pairs(splits: Splits, pool: Pool, audit: CopyAudit) -> Pairs:
    """The first `NUM_SHOWN`, whether they count as copies or not."""
    nearness = audit.pixels.candidates
    order_N = np.lexsort((nearness.relative, ~audit.flagged))[:NUM_SHOWN]
    return Pairs(
        candidates=pool.candidates.images[order_N],
        originals=splits.train.images[nearness.nearest[order_N]],
        relative=nearness.relative[order_N],
        flagged=audit.flagged[order_N],
    )


def write_pairs(pairs: Pairs, folder: Path) -> None:
    """Write `copies.npz`, whole or not at all."""
    with replacing(folder / FILE_NAME) as temporary:
        np.savez_compressed(temporary, **vars(pairs))


def read_pairs(folder: Path) -> Pairs | None:
    """Read it back; None where there is none."""
    if not (folder / FILE_NAME).exists():
        return None
    with np.load(folder / FILE_NAME) as stored:
        return Pairs(**{name: stored[name] for name in Pairs.__annotations__})
