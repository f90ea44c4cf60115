"""Tables and figures as Markdown."""

import numpy as np
from scipy import stats

from rlsel.records import mean_and_std
from rlsel.reporting.wording import decimal


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Lines of a table, and an empty one."""
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return [*lines, ""]


def mean(values: list[float]) -> str:
    return decimal(float(np.mean(values))) if values else "–"


def mean_std(values: list[float]) -> str:
    average, std = mean_and_std(values)
    return f"{decimal(average)} ± {decimal(std)}"


def interval(differences: np.ndarray) -> str:
    """Mean of paired differences, and its 95% interval (Student's t)."""
    if len(differences) < 2:
        return "–"
    low, high = limits(differences)
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def limits(differences: np.ndarray) -> tuple[float, float]:
    """Of the 95% interval of the mean; unknown of fewer than two."""
    if len(differences) < 2:
        return float("-inf"), float("inf")
    found = stats.ttest_1samp(differences, 0.0).confidence_interval()
    return float(found.low), float(found.high)
