"""One plain style for all figures, and the conversion of a figure to an SVG inside a page.

The colours are Okabe and Ito's, which colour-blind readers can distinguish. In the page they become
CSS variables of the same names, so that a figure follows the light or dark scheme of its reader.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1d2126"
MUTED = "#697079"
GRID = "#e3e5e8"
PAPER = "#fffffe"
BLUE = "#0072b2"
VERMILLION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#b65f94"
ORANGE = "#c98a00"
SKY = "#3f9fd0"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
VARIABLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", BLUE: "blue", GREEN: "green",
    VERMILLION: "vermillion", PURPLE: "purple", ORANGE: "orange", SKY: "sky",
}  # fmt: skip

WIDTH_IN = 7.4
RASTER_DPI = 170
PARAMETERS: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.labelsize": 9,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": INK,
    # Names by the user are never mathematics; a class may be called `$1`.
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "figure.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.06,
    "svg.fonttype": "none",
    "svg.hashsalt": "rlsel",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save in this context; the user's own matplotlib settings are restored after it."""
    with mpl.rc_context(PARAMETERS), warnings.catch_warnings():
        # Text stays text and is set in the reader's fonts, so glyphs missing here do not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(height_in: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure as wide as the page, and its panels in reading order."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    panels = figure.subplots(rows, columns, squeeze=False)
    return figure, [panels[i, j] for i in range(rows) for j in range(columns)]


def to_svg(figure: Figure) -> str:
    """The figure as a stand-alone SVG; the same figure gives the same text."""
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=metadata, dpi=RASTER_DPI)
    return buffer.getvalue()


def to_inline(svg: str, name: str, description: str) -> Markup:
    """The figure as a part of a page: no URLs, unique ids, colours that follow the scheme.

    Args:
        name: makes its ids different from those of the other figures of the page.
        description: the text for screen readers.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    # Only tags are changed, since a class may be called `#1d2126`.
    svg = re.sub(r"<[^>]+>", lambda tag: _adapt_tag(tag[0], name), svg)
    opening = Markup('<svg role="img" aria-label="{}"').format(description)
    return Markup(svg.replace("<svg", opening, 1))


def _adapt_tag(tag: str, name: str) -> str:
    tag = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", tag)
    for reference in (' id="', "url(#", 'xlink:href="#'):
        tag = tag.replace(reference, f"{reference}{name}-")
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f"var(--{variable})")
    return tag
