"""The alarm for overfitting: reward-val, which pays, gains more than selection-val."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MIN_ITERATIONS = 8
"""With fewer iterations the beginning and the end of a run are too short to be compared."""


def warn_of_overfitting(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Warn if reward-val gained clearly more than selection-val in the course of a run.

    The first quarter of the iterations is compared with the last one. The warning is given if the
    gains differ by more than twice the standard error of the difference, and by more than .01.
    """
    if len(rows) < MIN_ITERATIONS:
        return []
    gap_T = np.array([row["reward_val"] - row["selection_val"] for row in rows])
    quarter = len(rows) // 4
    first, last = gap_T[:quarter], gap_T[-quarter:]
    drift = last.mean() - first.mean()
    error = np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / quarter)
    if drift <= max(0.01, 2 * error):
        return []
    return [
        f"reward-val gained {drift:.3f} more than selection-val while learning: the controller "
        "fits the validation images; use more of them, or fewer iterations"
    ]
