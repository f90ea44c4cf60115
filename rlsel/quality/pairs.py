"""The candidates that are most similar to a training sample, for inspection by eye.

Shape letters: K pairs, H rows, W columns.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rlsel.data import Splits
from rlsel.data.image_set import ImageSet
from rlsel.machine.atomic_files import replacing
from rlsel.pool import Pool
from rlsel.quality.copies import CopyAudit

FILE_NAME = "copies.npz"
NUM_SHOWN = 8


@dataclass(frozen=True)
class Pairs:
    """Candidates with their most similar training samples, the most suspicious first."""

    candidate_ids: np.ndarray
    """(k,) strings."""
    original_ids: np.ndarray
    """(k,) strings: the training samples."""
    relative: Float[np.ndarray, " k"]
    """`Nearness.relative`."""
    flagged: Bool[np.ndarray, " k"]
    candidates: UInt8[np.ndarray, "k h w 3"] | None = None
    """The images themselves; None if samples are not images."""
    originals: UInt8[np.ndarray, "k h w 3"] | None = None


def nearest_pairs(splits: Splits, pool: Pool, audit: CopyAudit) -> Pairs:
    """The `NUM_SHOWN` most suspicious pairs, whether flagged as copies or not."""
    nearness = audit.content.candidates
    order_N = np.lexsort((nearness.relative, ~audit.flagged))[:NUM_SHOWN]
    sets = (pool.candidates.take(order_N), splits.train.take(nearness.nearest[order_N]))
    candidates, originals = (s.images if isinstance(s, ImageSet) else None for s in sets)
    return Pairs(
        *(samples.ids.astype(str) for samples in sets),
        relative=nearness.relative[order_N],
        flagged=audit.flagged[order_N],
        candidates=candidates,
        originals=originals,
    )


def write_pairs(pairs: Pairs, folder: Path) -> None:
    """Write `copies.npz`, completely or not at all."""
    arrays = {name: value for name, value in vars(pairs).items() if value is not None}
    with replacing(folder / FILE_NAME) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_pairs(folder: Path) -> Pairs | None:
    """Read `copies.npz`; None if there is none. Files of earlier versions lack the ids."""
    if not (folder / FILE_NAME).exists():
        return None
    with np.load(folder / FILE_NAME) as stored:
        unknown = np.full(len(stored["flagged"]), "")
        ids = {"candidate_ids": unknown, "original_ids": unknown}
        return Pairs(**(ids | {name: stored[name] for name in stored.files}))
