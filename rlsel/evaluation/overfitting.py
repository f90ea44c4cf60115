"""The alarm of reading 7: what the reward sees and what it does not see drift apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MIN_ITERATIONS = 8
"""Below this the two ends of a run are too short to compare."""


def warn_of_overfitting(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Warn when reward-val gained clearly more than selection-val between the ends of a run.

    Compared are the first and last quarter of the iterations; clearly means twice the standard
    error of the difference, and at least .01 of the metric.
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
