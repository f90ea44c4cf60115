"""Figures of the selection, and of the test scores."""

import math

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rlsel.metrics import SCORE_METRICS, mean_and_std, title_of
from rlsel.reporting.style import BLUE, GRID, INK, MUTED, VERMILLION, new_figure
from rlsel.reporting.wording import in_order, label
from rlsel.runs.read import Run, Selection

MAX_CLASSES = 12
"""Most panels drawn; with more, panels would be too small to read."""
NUM_BINS = 40


def draw_scores(run: Run) -> Figure | None:
    """Each round's raw score, with mean and sample std, for every method and metric."""
    scores = run.record.scores
    methods = in_order(list(scores))
    metrics = [m for m in SCORE_METRICS if any(_finite(scores[k].get(m, [])) for k in methods)]
    if not metrics:
        return None
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    figure, panels = new_figure(0.25 + rows * (0.5 + 0.25 * len(methods)), rows, columns)
    for i, (panel, metric) in enumerate(zip(panels, metrics, strict=False)):
        for y, method in enumerate(methods):
            _draw_rounds(panel, y, scores[method].get(metric, []), method)
        _draw_reference(panel, scores.get("uniform", {}).get(metric, []))
        title = title_of(metric)
        panel.set_title(title[0].upper() + title[1:])
        panel.set_ylim(len(methods) - 0.4, -0.6)
        panel.set_yticks(
            range(len(methods)), [label(m) for m in methods] if i % columns == 0 else []
        )
        panel.tick_params(axis="y", length=0, labelcolor=INK, labelsize=9)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.grid(axis="y", visible=False)
    for panel in panels[len(metrics) :]:
        panel.set_visible(False)
    return figure


def _draw_rounds(panel: Axes, y: int, values: list[float], method: str) -> None:
    values = _finite(values)
    if not values:
        return
    colour = {"controller": BLUE, "oracle": VERMILLION}.get(method, MUTED)
    mean, std = mean_and_std(values)
    if math.isfinite(std):
        panel.plot([mean - std, mean + std], [y, y], color=colour, linewidth=1.4)
    panel.plot(mean, y, marker="|", markersize=11, markeredgewidth=2, color=colour)
    # Points are shifted a little, in the order of the rounds, so that equal values stay visible.
    offsets = np.linspace(-0.17, 0.17, len(values)) if len(values) > 1 else np.zeros(1)
    panel.plot(values, y + offsets, "o", markersize=4, color=colour, alpha=0.55, markeredgewidth=0)


def _draw_reference(panel: Axes, values: list[float]) -> None:
    mean, _ = mean_and_std(values)
    if math.isfinite(mean):
        panel.axvline(mean, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)


def _finite(values: list[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def draw_keep_probability(selection: Selection) -> Figure | None:
    """Keep probability against distance, one panel per class, coloured by the truth if known."""
    if not np.isfinite(selection.keep_probability).any():
        return None
    figure, panels = _class_panels(selection, row_height_in=2.3)
    for panel, name in panels:
        of_class_N = selection.class_name == name
        distance_N = selection.distance[of_class_N]
        probability_N = selection.keep_probability[of_class_N]
        colours = (BLUE,) * len(distance_N)
        if selection.useful is not None:
            colours = np.where(selection.useful[of_class_N], BLUE, VERMILLION)
        panel.scatter(
            distance_N, probability_N, s=7, c=colours, alpha=0.45, linewidths=0, rasterized=True
        )
        panel.plot(*_running_mean(distance_N, probability_N), color=INK, linewidth=1.6)
        panel.set_ylim(-0.03, 1.03)
    panels[0][0].set_ylabel("keep probability")
    return figure


def _running_mean(
    x_N: Float[np.ndarray, " n"], y_N: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Means of `y` and of `x` over a window of a tenth of the points (5 at least), by `x`."""
    known_N = np.isfinite(x_N) & np.isfinite(y_N)
    order = np.argsort(x_N[known_N], kind="stable")
    window = min(max(5, len(order) // 10), len(order))
    if window == 0:
        return np.zeros(0), np.zeros(0)
    weights = np.full(window, 1 / window)
    return (
        np.convolve(x_N[known_N][order], weights, mode="valid"),
        np.convolve(y_N[known_N][order], weights, mode="valid"),
    )


def draw_distances(selection: Selection) -> Figure | None:
    """Histograms of the centroid distance of kept and discarded candidates (paper, fig. 4)."""
    if not np.isfinite(selection.distance).any():
        return None
    known_N = selection.distance[np.isfinite(selection.distance)]
    edges = np.histogram_bin_edges(known_N, NUM_BINS).tolist()
    figure, panels = _class_panels(selection, row_height_in=2.0)
    for panel, name in panels:
        of_class_N = selection.class_name == name
        for side_N, colour in ((~selection.kept, MUTED), (selection.kept, BLUE)):
            distance_N = selection.distance[of_class_N & side_N]
            panel.hist(distance_N, edges, color=colour, histtype="stepfilled", alpha=0.3)
            panel.hist(distance_N, edges, color=colour, histtype="step", linewidth=1.1)
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.grid(axis="x", visible=False)
    panels[0][0].set_ylabel("candidates")
    return figure


def _class_panels(
    selection: Selection, row_height_in: float
) -> tuple[Figure, list[tuple[Axes, str]]]:
    """One panel per class on common axes; titles give the class, kept and total number."""
    names = selection.class_names[:MAX_CLASSES]
    columns = min(3, len(names)) if len(names) != 4 else 2
    rows = -(-len(names) // columns)
    figure, panels = new_figure(0.3 + row_height_in * rows, rows, columns)
    for i, panel in enumerate(panels):
        if i >= len(names):
            panel.set_visible(False)
            continue
        of_class_N = selection.class_name == names[i]
        num_kept = int((selection.kept & of_class_N).sum())
        room = 58 // columns
        short = names[i] if len(names[i]) <= room else names[i][: room - 1] + "…"
        panel.set_title(f"{short}\n{num_kept:,} of {of_class_N.sum():,} kept")
        panel.spines["bottom"].set_color(GRID)
        if i + columns >= len(names):
            panel.set_xlabel("cosine distance to own centroid")
        if i:
            panel.sharex(panels[0])
    return figure, list(zip(panels, names, strict=False))
