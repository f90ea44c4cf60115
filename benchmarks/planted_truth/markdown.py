"""Tables and figures as Markdown."""

import math
from typing import Any

import numpy as np

from rlsel.metrics import mean_and_std
from rlsel.reporting.wording import decimal

from .paired import compare


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


def spread(figures: dict[str, Any] | None, name: str = "auc") -> str:
    """Mean ± std (least) of a figure of `planted_summary.summarise`."""
    if not figures or not figures.get(name):
        return "–"
    found = figures[name]
    text = decimal(found["mean"])
    if not math.isfinite(found["std"]):
        return text
    return f"{text} ± {decimal(found['std'])} ({decimal(found['min'])})"


def interval(differences: np.ndarray) -> str:
    """Mean of paired differences, and its 95% interval."""
    if len(differences) < 2:
        return "–"
    found = compare(differences)
    return f"{found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
