"""Alarms for a collapsed policy, whose keep probabilities look like an answer and are none.

Shape letters: N candidates, T iterations.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

FEW_DISTINCT = 0.05
"""An alarm is raised if fewer distinct keep probabilities than this share of the candidates are
there, unless there are `ENOUGH_DISTINCT` of them."""
ENOUGH_DISTINCT = 50
DIGITS = 3
SATURATED = 0.9
"""Share of the candidates whose probability lies within .01 of 0 or 1."""
ONE_SIGNED = 0.95
DRIFTED = 0.97


def warn_of_collapse(
    rows: Sequence[dict[str, Any]], probability_N: Float[np.ndarray, " n"]
) -> list[str]:
    """A line for every alarm, with what to try.

    Args:
        rows: Figures of all iterations; the last quarter of them is examined.
        probability_N: Keep probabilities of the last policy. In a mean over policies a collapse
            would not show.
    """
    last = rows[-max(1, len(rows) // 4) :]
    kept = float(probability_N.mean())
    distinct = len(np.unique(probability_N.round(DIGITS)))
    saturated = float((np.minimum(probability_N, 1 - probability_N) < 0.01).mean())
    # NaN marks an iteration in which all decisions were paid the same.
    told = [share for row in last if math.isfinite(share := row["positive_advantages"])]
    warnings = []
    if distinct < max(2, min(FEW_DISTINCT * len(probability_N), ENOUGH_DISTINCT)):
        warnings.append(
            f"few distinct keep probabilities ({distinct} for {len(probability_N):,} candidates): "
            "the controller tells groups apart, not candidates; look at features.inputs, or learn "
            "for more iterations"
        )
    if saturated > SATURATED:
        warnings.append(
            f"saturated: {saturated:.0%} of the keep probabilities are within .01 of 0 or 1, so "
            "nothing is tried any more; lower algorithm.lr or the iterations, or raise "
            "algorithm.entropy_coeff"
        )
    if kept > DRIFTED or kept < 1 - DRIFTED:
        everything = "everything" if kept > DRIFTED else "nothing"
        warnings.append(
            f"drift: the controller keeps {everything} ({kept:.0%} of the candidates); if the pool "
            "is not that one-sided, set selection.keep_range, for example [0.3, 0.7]"
        )
    if not told:
        warnings.append(
            "no advantages: in the last iterations every decision was paid the same, so there was "
            "nothing to learn from; take another reward.metric or reward.fidelity, or fewer "
            "algorithm.iterations if the policy has become sure"
        )
    elif not 1 - ONE_SIGNED <= (positive := float(np.mean(told))) <= ONE_SIGNED:
        warnings.append(
            f"one-signed advantages: {positive:.0%} of them were positive in the last iterations, "
            "so whatever was done was confirmed; set algorithm.baseline: decision"
        )
    return warnings
