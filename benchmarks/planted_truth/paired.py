"""Paired differences: their mean, how sure it is, and whether it may be chance.

Shape letter: S pairs.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from rlsel.metrics import mean_and_std

CONFIDENCE = 0.95
Comparison = dict[str, float]


def compare(gain_S: Float[np.ndarray, " s"]) -> Comparison:
    """Mean, sample std, the interval of the mean by Student's t, and its two-sided p.

    All are NaN of fewer than two.
    """
    if len(gain_S) < 2:
        return dict.fromkeys(("mean", "std", "low", "high", "p"), math.nan)
    mean, std = mean_and_std(gain_S.tolist())
    freedom, error = len(gain_S) - 1, std / math.sqrt(len(gain_S))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    # Gains that are all alike have no error to be divided by.
    p = 2 * float(stats.t.sf(abs(mean) / error, freedom)) if error else float(mean == 0)
    return {"mean": mean, "std": std, "low": mean - half, "high": mean + half, "p": p}
