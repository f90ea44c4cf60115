"""From cells to figures: mean, spread and least over draws and seeds; and cells draw by draw."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from rlsel.metrics import mean_and_std

Cell = dict[str, Any]
Cells = dict[str, Cell]
ByDraw = dict[str, Cell]


def summarise(cells: Cells) -> dict[str, Any]:
    """Of what was learned: `study | bed | pay | variant | evaluations` -> figures over the rest."""
    groups: dict[str, list[Cell]] = defaultdict(list)
    for key, cell in cells.items():
        if "auc_of_last_iteration" in cell and not key.startswith("learned | "):
            *group, _, _, _ = key.split(" | ")
            groups[" | ".join(group)].append(cell)
    return {group: _figures(found) for group, found in groups.items()}


def by_draw(cells: Cells, group: str) -> ByDraw:
    """Draw -> cell of a group; of several seeds the last."""
    return {
        key.split(" | ")[5]: cell for key, cell in cells.items() if key.startswith(f"{group} | ")
    }


def of_bed(cells: Cells, bed: str, draws: Iterable[str] | None = None, kind: str = "bed") -> ByDraw:
    """Draw -> what is known of a bed; of the draws given, where they are there."""
    found = {
        key.split(" | ")[2]: cell
        for key, cell in cells.items()
        if key.startswith(f"{kind} | {bed} | ")
    }
    return found if draws is None else {draw: found[draw] for draw in draws if draw in found}


def ceiling(known: ByDraw) -> float:
    """Mean over draws; NaN where nothing can be told apart."""
    return mean_and_std([max(c["ceiling"].values()) for c in known.values() if "ceiling" in c])[0]


def free_scores(known: ByDraw) -> dict[str, list[float]]:
    """Free score -> AUC on each draw."""
    return _by_name([cell.get("free", {}) for cell in known.values()])


def peers(known: ByDraw) -> dict[str, list[float]]:
    """Peer -> AUC on each draw."""
    found = [cell.get("peers", {}) for cell in known.values()]
    return _by_name([{name: peer["auc"] for name, peer in cell.items()} for cell in found])


def best(scores: dict[str, list[float]]) -> str | None:
    """By the mean over draws."""
    return max(scores, key=lambda name: np.mean(scores[name]), default=None)


def over_free(runs: ByDraw, known: ByDraw) -> np.ndarray:
    """AUC of what was learned less that of the best free score, draw by draw."""
    name = best(free_scores(known))
    both = [draw for draw in runs if draw in known and name]
    return np.array([runs[draw]["auc"] - known[draw]["free"][name] for draw in both])


def drop(cell: Cell, selection: str) -> float:
    """AUC of a probe on reward-val less that on test."""
    scores = cell["selections"][selection]
    return scores["reward_val_auc"] - scores["test_auc"]


def differences(runs: ByDraw, others: ByDraw) -> np.ndarray:
    """In AUC, of the draws that both have."""
    return np.array([runs[draw]["auc"] - others[draw]["auc"] for draw in runs if draw in others])


def _by_name(scores_of_draws: list[dict[str, float]]) -> dict[str, list[float]]:
    found = defaultdict(list)
    for scores in scores_of_draws:
        for name, auc in scores.items():
            found[name].append(auc)
    return dict(found)


def _figures(cells: list[Cell]) -> dict[str, Any]:
    figures: dict[str, Any] = {"n": len(cells)}
    for name in ("auc", "within_batches", "seconds"):
        figures[name] = _spread([cell[name] for cell in cells])
    for rule, name in (
        ("rate", "reward_val_auc"),
        ("rate", "test_auc"),
        ("threshold", "test_auc"),
    ):
        values = [cell["selections"][rule][name] for cell in cells]
        figures[f"{rule}.{name}"] = _spread(values)
    return figures


def _spread(values: list[float | None]) -> dict[str, float]:
    found = np.array(values, dtype=float)  # of null it makes NaN
    known = found[np.isfinite(found)]
    if not len(known):
        return {}
    return {
        "mean": float(known.mean()),
        "std": float(known.std(ddof=1)) if len(known) > 1 else float("nan"),
        "min": float(known.min()),
    }
