"""Figures of the controller's training: its reward, and signs of the training's health."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rlsel.reporting.style import BLUE, INK, MUTED, SERIES, VERMILLION, new_figure
from rlsel.runs.read import Run

HEALTH = {
    "entropy": "Entropy of a decision",
    "kl": "KL from the old policy",
    "clip_fraction": "Share of clipped ratios",
    "explained_variance": "Variance explained by the baseline",
    "positive_advantages": "Share of positive advantages",
    "grad_norm": "Gradient norm",
    "lr": "Learning rate",
}
"""Field of an iteration -> its title. Fields that a run lacks are left out."""


def draw_reward(run: Run) -> Figure | None:
    """Rewards of the episodes, and below them the score of the whole selection per iteration."""
    x_T, x_label = _x_axis(run)
    reward_T = run.column("reward_mean")
    validation_T = run.column("selection_val")
    panels_wanted = [bool(np.isfinite(values).any()) for values in (reward_T, validation_T)]
    if not any(panels_wanted):
        return None
    figure, panels = new_figure(0.5 + 1.9 * sum(panels_wanted), rows=sum(panels_wanted))
    remaining = list(panels)
    if panels_wanted[0]:
        panel = remaining.pop(0)
        _band(panel, x_T, reward_T, run.column("reward_std"))
        for end in ("reward_min", "reward_max"):
            panel.plot(x_T, run.column(end), color=BLUE, linewidth=0.7, linestyle=(0, (2, 2)))
        _line(panel, x_T, reward_T, BLUE)
        _noise(panel, x_T, reward_T, run)
        panel.set_title("Reward: mean, ± std (band), least and greatest of an iteration (dashed)")
    if panels_wanted[1]:
        panel = remaining.pop(0)
        _line(panel, x_T, run.column("reward_val"), MUTED, width=1.1)
        _line(panel, x_T, validation_T, VERMILLION)
        chosen = int(run.record.learning.get("chosen_iteration", 0)) - 1
        if chosen >= 0:
            panel.plot(
                x_T[chosen], validation_T[chosen], "o", markersize=9, mfc="none", mec=VERMILLION
            )
        panel.set_title("Score of the whole selection on validation")
    for panel in panels:
        panel.margins(x=0.02)
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    for panel in panels[1:]:
        panel.sharex(panels[0])
    panels[-1].set_xlabel(x_label)
    return figure


def draw_health(run: Run) -> Figure | None:
    """Keep fraction, also per class, and small panels of quantities that reveal a collapse."""
    x_T, x_label = _x_axis(run)
    names = [name for name in HEALTH if np.isfinite(run.column(name)).any()]
    has_keep_fraction = bool(np.isfinite(run.column("keep_fraction")).any())
    num_panels = len(names) + has_keep_fraction
    if num_panels == 0:
        return None
    columns = min(3, num_panels)
    rows = -(-num_panels // columns)
    figure, panels = new_figure(0.3 + 1.65 * rows, rows, columns)
    remaining = list(panels)
    if has_keep_fraction:
        _draw_keep_fraction(remaining.pop(0), run, x_T)
    for name in names:
        panel = remaining.pop(0)
        _line(panel, x_T, run.column(name), INK, width=1.2)
        panel.set_title(HEALTH[name], fontsize=8.5, fontweight="normal")
    for panel in remaining:
        panel.set_visible(False)
    for i, panel in enumerate(panels[:num_panels]):
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.yaxis.set_major_locator(MaxNLocator(4))
        if i + columns >= num_panels:
            panel.set_xlabel(x_label)
    return figure


def _draw_keep_fraction(panel: Axes, run: Run, x_T: np.ndarray) -> None:
    """Lines with their names at the right end, because a legend would cover the lines."""
    per_class = [row.get("keep_fraction_per_class") or {} for row in run.iterations]
    names = list(dict.fromkeys(name for row in per_class for name in row))
    if len(names) <= len(SERIES):
        for name, colour in zip(names, SERIES, strict=False):
            values = [row.get(name) for row in per_class]
            y_T = np.array([np.nan if y is None else y for y in values], dtype=float)
            _line(panel, x_T, y_T, colour, width=1.1)
    _line(panel, x_T, run.column("keep_fraction"), INK)
    panel.set_ylim(0, 1)
    panel.set_title("Share kept", fontsize=8.5, fontweight="normal")


def keep_fraction_legend(run: Run) -> list[tuple[str, str]]:
    """(class, CSS variable of its colour) of the lines of the keep fraction, for the caption."""
    names = dict.fromkeys(
        name for row in run.iterations for name in row.get("keep_fraction_per_class") or {}
    )
    if len(names) > len(SERIES):
        return []
    return list(
        zip(names, ("blue", "vermillion", "green", "purple", "orange", "sky"), strict=False)
    )


def _x_axis(run: Run) -> tuple[np.ndarray, str]:
    """Evaluations, which are the cost of training; iterations if evaluations were not counted."""
    evaluations_T = run.column("evaluations")
    if len(evaluations_T) and np.isfinite(evaluations_T).all():
        return evaluations_T, "evaluations"
    return run.column("iteration"), "iteration"


def _band(panel: Axes, x_T: np.ndarray, mean_T: np.ndarray, std_T: np.ndarray) -> None:
    panel.fill_between(x_T, mean_T - std_T, mean_T + std_T, color=BLUE, alpha=0.16, linewidth=0)


def _noise(panel: Axes, x_T: np.ndarray, mean_T: np.ndarray, run: Run) -> None:
    """The spread of the reward of one set over seeds, as a bar before the first iteration."""
    spreads = [v for name, v in run.record.noise.items() if name.endswith("between_seeds")]
    known_T = np.isfinite(mean_T)
    if not spreads or not max(spreads) > 0 or not known_T.any():
        return
    first = x_T[known_T][0] - 0.02 * (np.ptp(x_T) or 1.0)
    panel.errorbar(first, mean_T[known_T][0], max(spreads), color=MUTED, linewidth=1.4, capsize=3)
    panel.annotate(
        "± noise", (first, mean_T[known_T][0] + max(spreads)), color=MUTED, fontsize=7.5,
        ha="center", va="bottom",
    )  # fmt: skip


def _line(panel: Axes, x_T: np.ndarray, y_T: np.ndarray, colour: str, width: float = 1.6) -> None:
    """A line, with a point at each measurement if there are few enough to be distinct."""
    known_T = np.isfinite(y_T)
    marker = "o" if 0 < known_T.sum() <= 30 else None
    size = 2 * width
    panel.plot(
        x_T[known_T], y_T[known_T], color=colour, linewidth=width, marker=marker, markersize=size
    )
