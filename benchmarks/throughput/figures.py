"""Figures of repeated measurements."""

import math
from statistics import median
from typing import Any

from rlsel.metrics import mean_and_std


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most of repeated measurements."""
    figures = {"median": median(values), "min": min(values), "max": max(values)}
    return {key: rounded(value) for key, value in figures.items()} | {"n": len(values)}


def mean_with_std(values: list[float]) -> dict[str, Any]:
    """Mean and sample std; the std of one value is null."""
    mean, std = mean_and_std(values)
    figures = {"mean": rounded(mean), "std": rounded(std) if math.isfinite(std) else None}
    return figures | {"n": len(values)}


def rounded(value: float) -> float:
    """Five figures: more than any of these measurements can tell apart."""
    return float(f"{value:.5g}")
