"""What a run says of its candidates as images: their quality, and whether they are copies.

Held-out real images are those of validation: neither generator nor extractor has seen them, and
test images are not looked at.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from rlsel.atomic_files import replacing
from rlsel.data import Splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.data.wording import counted
from rlsel.features import Features
from rlsel.pool import Pool
from rlsel.quality.copies import CopyAudit, audit_copies
from rlsel.quality.report import describe_risk, judge, selection_risk
from rlsel.seeding import rng

COPIES = "copies.npz"
NUM_SHOWN = 8


def drop_copies(splits: Splits, pool: Pool, seed: int) -> Pool:
    """The pool without its near-copies of training images, and a note that says how many."""
    flagged_N = audit_of(splits, pool, None, seed).flagged
    if not flagged_N.any():
        return pool
    note = f"dropped {counted(int(flagged_N.sum()), 'candidate')} that copy a training image"
    kept = pool.take(~flagged_N)
    return replace(kept, notes=(*pool.notes, note))


def quality_of(splits: Splits, pool: Pool, features: Features, seed: int) -> dict[str, Any]:
    """`QualityReport.as_json`, in the feature space of the run's own extractor."""
    held_out = _held_out(splits)
    return judge(
        candidates=features.candidates,
        candidate_labels=pool.candidates.labels,
        train=features.train,
        train_labels=splits.train.labels,
        held_out=np.concatenate((features.reward_val, features.selection_val)),
        held_out_labels=held_out.labels,
        class_names=splits.class_names,
        rng=rng(seed, "quality"),
    ).as_json()


def audit_of(splits: Splits, pool: Pool, features: Features | None, seed: int) -> CopyAudit:
    """By pixels, which decide, and by features where there are any."""
    of_three = None
    if features is not None:
        unseen = np.concatenate((features.reward_val, features.selection_val))
        of_three = (features.candidates, features.train, unseen)
    return audit_copies(
        pool.candidates, splits.train, _held_out(splits), rng(seed, "audit"), of_three
    )


def risk_of(audit: CopyAudit, selected_N: Bool[np.ndarray, " n"]) -> dict[str, Any]:
    """`SelectionRisk` as plain numbers, with a sentence that says whether selecting raised it."""
    risk = selection_risk(audit, selected_N)
    return asdict(risk) | {"raised": risk.raised, "said": describe_risk(risk)}


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


def save_copies(run_dir: Path, pairs: Pairs) -> None:
    """For the report."""
    with replacing(run_dir / COPIES) as temporary:
        np.savez_compressed(temporary, **vars(pairs))


def _held_out(splits: Splits) -> ImageSet:
    return concatenate([splits.reward_val, splits.selection_val])
