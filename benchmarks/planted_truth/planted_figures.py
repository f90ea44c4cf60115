"""How much learning takes, on beds with a known truth, as a picture for the docs.

Shape letters: S runs (draws), T iterations, L lengths of a run.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rlsel.reporting.style import BLUE, INK, MUTED, VERMILLION, house_style, new_figure

from .planted_summary import ByDraw, Cells, ceiling, free_scores, of_bed

PATH = Path(__file__).parents[2] / "docs" / "images" / "planted_truth.png"
STUDIES = {"lengths": (BLUE, "reward as it is"), "lengths_noisy": (VERMILLION, "noisy reward")}
TICKS = (128, 512, 2048, 8192)


def draw_curves(learned: Cells, beds: Cells) -> Path | None:
    """AUC of what comes out of runs of every length, and of the last policy of the longest."""
    runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    draws: dict[str, set[str]] = defaultdict(set)
    for key, cell in learned.items():
        study, bed, *_, draw, _, _ = key.split(" | ")
        if study in STUDIES:
            runs[bed, study].append(cell)
            draws[bed].add(draw)
    if not runs:
        return None
    names = list(dict.fromkeys(bed for bed, _ in runs))
    with house_style():
        figure, panels = new_figure(3.1, 1, len(names))
        for panel, name in zip(panels, names, strict=True):
            for study, (colour, title) in STUDIES.items():
                if (name, study) in runs:
                    _draw_runs(panel, runs[name, study], colour, title)
            _lines(panel, of_bed(beds, name, draws[name]))
            panel.set_xscale("log")
            panel.set_xticks(TICKS, [f"{number:,}" for number in TICKS])
            panel.minorticks_off()
            panel.set_ylim(0.6, 0.9)
            panel.set_title(name)
            panel.set_xlabel("evaluations")
        panels[0].set_ylabel("AUC of the keep probability")
        panels[0].legend(loc="lower right", fontsize=7.5)
        PATH.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(PATH, dpi=150)
    return PATH


def _draw_runs(panel: Axes, cells: list[dict[str, Any]], colour: str, title: str) -> None:
    by_length: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for cell in cells:
        by_length[int(cell["series"]["evaluations"][-1])].append(cell)
    lengths_L = sorted(by_length)
    auc_LS = [[cell["auc"] for cell in by_length[length]] for length in lengths_L]
    low_L, high_L = ([pick(values) for values in auc_LS] for pick in (min, max))
    panel.fill_between(lengths_L, low_L, high_L, color=colour, alpha=0.16, linewidth=0)
    panel.plot(
        lengths_L, [np.mean(values) for values in auc_LS], "o-", color=colour, markersize=3.5,
        label=f"{title}: what comes out",
    )  # fmt: skip
    longest = by_length[lengths_L[-1]]
    panel.plot(
        longest[0]["series"]["evaluations"],
        np.mean([cell["series"]["curve"] for cell in longest], axis=0),
        color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), label=f"{title}: last policy",
    )  # fmt: skip


def _lines(panel: Axes, known: ByDraw) -> None:
    """The ceiling and the best free score, means over draws."""
    if not known:
        return
    free = max(np.mean(auc) for auc in free_scores(known).values())
    panel.axhline(ceiling(known), color=INK, linewidth=0.9, label="ceiling of the inputs")
    panel.axhline(
        float(free), color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), label="best free score"
    )
