"""A figure of the training of a run's own generator."""

from matplotlib.figure import Figure

from rlsel.reporting.style import BLUE, INK, VERMILLION, new_figure
from rlsel.runs.generator_trace import GeneratorTrace


def draw_training(trace: GeneratorTrace) -> Figure | None:
    """Losses of both networks, and the spread of the images of a class."""
    if len(trace.rows) < 2:
        return None
    thousands_T = trace.column("images") / 1000
    figure, (losses, spread) = new_figure(1.9, 1, 2)
    losses.plot(thousands_T, trace.column("loss_discriminator"), color=VERMILLION, linewidth=1.3)
    losses.plot(thousands_T, trace.column("loss_generator"), color=BLUE, linewidth=1.3)
    losses.set_title("Losses")
    spread.plot(thousands_T, trace.column("spread"), color=INK, linewidth=1.3)
    spread.set_ylim(bottom=0)
    spread.set_title("Spread of a class, real images = 1")
    for panel in (losses, spread):
        panel.set_xlabel("thousand real images seen")
    return figure
