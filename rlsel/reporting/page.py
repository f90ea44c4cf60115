"""`report.html`: a run on one page that opens offline and can be shared as a single file."""

import base64
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from rlsel.machine.atomic_files import write_bytes, write_text
from rlsel.machine.file_names import plain_name
from rlsel.quality.pairs import read_pairs
from rlsel.reporting import selection_figures, training_figures
from rlsel.reporting.copies import draw_copies
from rlsel.reporting.free_sets import best_free_set, draw_free_sets
from rlsel.reporting.generator import draw_training, training_legend
from rlsel.reporting.neighbours import neighbour_table, pair_table
from rlsel.reporting.style import house_style, to_inline, to_svg
from rlsel.reporting.tables import (
    classification_table,
    cost_facts,
    finalists_table,
    kind_table,
    noise_rows,
    pattern_table,
    quality_tables,
    score_table,
    truth_table,
)
from rlsel.reporting.verdict import remarks, verdict
from rlsel.reporting.wording import duration, label
from rlsel.runs.contact_sheets import ContactSheet
from rlsel.runs.read import Run, read_run

FILE_NAME = "report.html"
HERE = Path(__file__).parent

FIGURES: dict[str, tuple[str, Callable[[Run], Figure | None]]] = {
    "generator": (
        "Losses of the generator's training, and other signs of how it went",
        lambda run: run.generator and draw_training(run.generator),
    ),
    "scores": ("Test scores of every method and round", selection_figures.draw_scores),
    "free_sets": (
        "Worth of the best candidates by each score, by their share of the pool",
        draw_free_sets,
    ),
    "reward": ("Rewards, and score of the selection, over training", training_figures.draw_reward),
    "health": ("Keep fraction, entropy and other signs", training_figures.draw_health),
    "keep_probability": (
        "Keep probability against centroid distance",
        lambda run: run.selection and selection_figures.draw_keep_probability(run.selection),
    ),
    "distances": (
        "Centroid distance of kept and discarded candidates",
        lambda run: run.selection and selection_figures.draw_distances(run.selection),
    ),
}
"""Name in the page and in `figures/` -> (text for screen readers, function that draws it)."""


def write_report(run_dir: Path | str) -> Path:
    """Draw `report.html` and `figures/` of a finished run from its folder alone.

    Returns:
        The path of the page.

    Raises:
        InputError: the run does not exist or is not finished, or the folder cannot be written to.
    """
    run = read_run(run_dir)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    record = run.record
    copies, num_copies = _draw_copies(run.path)
    page = environment.get_template(FILE_NAME).render(
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),
        record=record,
        config_text=run.config_text,
        verdict=verdict(record),
        remarks=remarks(record),
        scores=score_table(record),
        best_free_set=best_free_set(record),
        finalists=finalists_table(record),
        truth=truth_table(record),
        kinds=kind_table(record),
        costs=cost_facts(record),
        noise=noise_rows(record),
        quality=quality_tables(record),
        pattern=pattern_table(record),
        classification=classification_table(record),
        copies=copies,
        num_copies=num_copies,
        generator_grid=run.generator.grid_uri if run.generator else "",
        generator_legend=training_legend(run.generator) if run.generator else [],
        generator_reading_aid=run.generator.reading_aid if run.generator else "",
        truth_names=list(record.truth or {}),
        command=record.command or f"rlsel run {shlex.quote(run.path.name)}/config.yaml",
        kept_by=label(run.selection.method) if run.selection else "",
        has_reward_val=bool(np.isfinite(run.column("reward_val")).any()),
        knows_truth=run.selection is not None and run.selection.useful is not None,
        keep_fraction_legend=training_figures.keep_fraction_legend(run),
        figures=dict(_draw_figures(run)),
        sheets=_draw_contact_sheets(run),
        neighbours=None if run.contact_sheets else neighbour_table(run.selection),
        pairs=pair_table(read_pairs(run.path)),
    )
    path = run.path / FILE_NAME
    write_text(path, page)
    return path


def _draw_figures(run: Run) -> Iterator[tuple[str, Markup]]:
    """Save the figures for which this run has data, and yield them for the page."""
    with house_style():
        for name, (description, draw) in FIGURES.items():
            if figure := draw(run):
                svg = to_svg(figure)
                write_text(run.path / "figures" / f"{name}.svg", svg)
                yield name, to_inline(svg, name, description)


def _draw_copies(run_dir: Path) -> tuple[str, int]:
    """Data URI of the candidates most similar to a training image, or an empty text; and how many
    of them are copies."""
    drawn = draw_copies(run_dir)
    if drawn is None:
        return "", 0
    png, num_copies = drawn
    write_bytes(run_dir / "figures" / "nearest_originals.png", png)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}", num_copies


def _draw_contact_sheets(run: Run) -> dict[str, dict[str, tuple[ContactSheet, str]]]:
    """Class -> group -> its sheet and the data URI of its picture."""
    drawn: dict[str, dict[str, tuple[ContactSheet, str]]] = {}
    for sheet in run.contact_sheets:
        groups = drawn.setdefault(sheet.class_name, {})
        png = sheet.png()
        # The number separates classes whose names are equal for some file system.
        start = f"contact_sheet_{list(drawn).index(sheet.class_name)}_{sheet.class_name}"
        name = plain_name(start.replace(" ", "-"), f"_{sheet.group}.png")
        write_bytes(run.path / "figures" / name, png)
        groups[sheet.group] = (sheet, f"data:image/png;base64,{base64.b64encode(png).decode()}")
    return drawn
