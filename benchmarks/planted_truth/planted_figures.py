"""Learning curves on beds with a known truth, as a picture for the docs.

Shape letters: S runs (draws or seeds), T iterations.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rlsel.reporting.style import BLUE, INK, MUTED, VERMILLION, house_style, new_figure

Cells = dict[str, dict[str, Any]]
PATH = Path(__file__).parents[2] / "docs" / "images" / "planted_truth.png"
LONGEST = {"lengths": ("8192", BLUE, "reward as it is"),
           "lengths_noisy": ("4096", VERMILLION, "as noisy as retraining")}  # fmt: skip


def draw_curves(learned: Cells, beds: Cells) -> Path | None:
    """AUC after every iteration of the longest runs, mean and range over draws; None before any."""
    curves = _curves(learned)
    if not curves:
        return None
    names = list(dict.fromkeys(bed for bed, _ in curves))
    with house_style():
        figure, panels = new_figure(2.9, 1, len(names))
        for panel, name in zip(panels, names, strict=True):
            for study, (_, colour, title) in LONGEST.items():
                if (name, study) in curves:
                    _band(panel, *curves[name, study], colour, title)
            _lines(panel, name, beds)
            panel.set_xscale("log", base=2)
            panel.set_ylim(0.45, 0.9)
            panel.set_title(name)
            panel.set_xlabel("evaluations")
        panels[0].set_ylabel("AUC of the keep probability")
        panels[0].legend(loc="lower right")
        PATH.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PATH, dpi=150)
    return PATH


def _curves(learned: Cells) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(bed, study) -> evaluations (T,) and AUC (S, T)."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for key, cell in learned.items():
        study, bed, _, _, evaluations, *_ = key.split(" | ")
        if study in LONGEST and LONGEST[study][0] == evaluations:
            found[bed, study].append(cell)
    return {
        key: (np.array(cells[0]["evaluations"]), np.array([cell["curve"] for cell in cells]))
        for key, cells in found.items()
    }


def _band(panel: Axes, x_T: np.ndarray, auc_ST: np.ndarray, colour: str, title: str) -> None:
    low_T, high_T = auc_ST.min(axis=0), auc_ST.max(axis=0)
    panel.fill_between(x_T, low_T, high_T, color=colour, alpha=0.16, linewidth=0)
    panel.plot(x_T, auc_ST.mean(axis=0), color=colour, label=title)


def _lines(panel: Axes, name: str, beds: Cells) -> None:
    """The ceiling and the best free score, means over draws."""
    of_bed = [cell for key, cell in beds.items() if key.startswith(f"bed | {name} | ")]
    if not of_bed:
        return
    ceiling = np.mean([max(cell["ceiling"].values()) for cell in of_bed])
    free = max(np.mean([cell["free"][score] for cell in of_bed]) for score in of_bed[0]["free"])
    panel.axhline(float(ceiling), color=INK, linewidth=0.9, label="ceiling of the inputs")
    panel.axhline(
        float(free), color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), label="best free score"
    )
