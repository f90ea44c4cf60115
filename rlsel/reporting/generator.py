"""How the training of a run's own generator went, drawn: its panels side by side."""

from matplotlib.figure import Figure

from rlsel.generators.seam import Panel
from rlsel.reporting.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    VARIABLES,
    VERMILLION,
    new_figure,
)
from rlsel.runs.generator_trace import GeneratorTrace

COLOURS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE)
"""Of the columns of a panel, in order; a column alone in its panel is ink."""


def draw_training(trace: GeneratorTrace) -> Figure | None:
    """Every panel of the generator, over the real images seen."""
    if len(trace.rows) < 2 or not trace.panels:
        return None
    thousands_T = trace.column("images") / 1000
    figure, axes = new_figure(1.9, 1, len(trace.panels))
    for panel, axis in zip(trace.panels, axes, strict=True):
        for name, colour in zip(panel.columns, _colours(panel), strict=True):
            axis.plot(thousands_T, trace.column(name), color=colour, linewidth=1.3)
        if panel.from_zero:
            axis.set_ylim(bottom=0)
        axis.set_title(panel.title)
        axis.set_xlabel("thousand real images seen")
    return figure


def training_legend(trace: GeneratorTrace) -> list[tuple[str, str]]:
    """What the caption calls each curve, and the CSS variable of its colour."""
    return [
        (called, VARIABLES[colour])
        for panel in trace.panels
        for called, colour in zip(panel.columns.values(), _colours(panel), strict=True)
        if called
    ]


def _colours(panel: Panel) -> tuple[str, ...]:
    return (INK,) if len(panel.columns) == 1 else COLOURS[: len(panel.columns)]
