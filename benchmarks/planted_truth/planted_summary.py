"""From cells to figures: mean, spread and least over draws and seeds."""

from collections import defaultdict
from typing import Any

import numpy as np

Cells = dict[str, dict[str, Any]]


def summarise(cells: Cells) -> dict[str, Any]:
    """Of what was learned: `study | bed | pay | variant | evaluations` -> figures over the rest."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, cell in cells.items():
        if "curve" in cell and not key.startswith("learned | "):
            *group, _, _, _ = key.split(" | ")
            groups[" | ".join(group)].append(cell)
    return {group: _figures(found) for group, found in groups.items()}


def _figures(cells: list[dict[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {"n": len(cells)}
    for name in ("auc", "auc_of_last_iteration", "within_batches", "seconds"):
        figures[name] = _spread([cell[name] for cell in cells])
    for rule in ("rate", "threshold"):
        for name in ("kept", "reward_val_accuracy", "reward_val_auc", "test_accuracy", "test_auc"):
            values = [cell["selections"][rule][name] for cell in cells]
            figures[f"{rule}.{name}"] = _spread(values)
    return figures


def _spread(values: list[float]) -> dict[str, float]:
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return {}
    return {
        "mean": float(known.mean()),
        "std": float(known.std(ddof=1)) if len(known) > 1 else float("nan"),
        "min": float(known.min()),
    }
