"""`rlsel check`: read every input of an experiment and report the findings, without training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rlsel.commands.ids import write_ids
from rlsel.data import SampleSet
from rlsel.experiment.config import Experiment
from rlsel.machine.atomic_files import require_new
from rlsel.machine.progress import console
from rlsel.machine.wording import below_here, counted
from rlsel.pool import InputReport
from rlsel.pool.checks import CountRow
from rlsel.stages.inputs import describe_settings_and_inputs, read_inputs, read_samples
from rlsel.stages.pool_limits import size_of_pool
from rlsel.stages.trial import try_features, try_weights


def check_inputs(experiment: Experiment, ids: Path | None = None) -> InputReport:
    """Print counts per class and split, sizes, notes and warnings.

    Args:
        ids: A CSV file for the ids of all images. A file of features is not checked then, because
            the user may need the ids to make it.

    Raises:
        InputError: an input is wrong; the message is the same as that of a run. Or the CSV file
            is there already.
    """
    if ids is not None:
        require_new(ids, "--ids")
    splits, pool = read_samples(experiment) if ids else read_inputs(experiment)
    num_features = try_weights(experiment, splits)
    if pool is not None and not ids:
        num_features = try_features(experiment, splits, pool) or num_features
        size_of_pool(experiment, splits.train, len(pool), num_features).require_room()
    report = describe_settings_and_inputs(experiment, splits, pool, num_features)
    for table in _count_tables(report, splits.train, console.width):
        console.print(table)
    for finding in report.findings:
        style = "yellow" if finding.level == "warning" else "dim"
        text = f"{finding.level}: {below_here(finding.text)}"
        console.print(Text(text, style=style), soft_wrap=False)
    console.print(
        f"{experiment.name}: config {experiment.hash}, seed {experiment.seed}, "
        f"{counted(len(report.warnings), 'warning')}; ready to run",
        markup=False,
    )
    if ids:
        written = counted(write_ids(ids, splits, pool), splits.train.noun)
        missing = "" if pool else "; the candidates are not among them, as they are not made yet"
        console.print(f"ids of {written} written to {ids}{missing}", markup=False)
    return report


def _count_tables(report: InputReport, samples: SampleSet, width: int) -> Iterator[Table]:
    """A table with a row for each part. If it is too wide, one table with a row for each class and
    another for the sizes, so that no number is cut off.
    """
    class_names, what = samples.class_names, f"{samples.noun}s"
    by_class = [[f"{row.counts.get(name, 0):,}" for name in class_names] for row in report.rows]
    facts = [_facts(row) for row in report.rows]
    parts = [row.part for row in report.rows]
    wide = _table(
        (what, *class_names, *FACTS),
        [[part, *counts, *fact] for part, counts, fact in zip(parts, by_class, facts, strict=True)],
    )
    if _fits(wide, width):
        yield wide
        return
    yield _table((what, *parts), [[*row] for row in zip(class_names, *by_class, strict=True)])
    yield _table(("", *FACTS), [[part, *fact] for part, fact in zip(parts, facts, strict=True)])


FACTS = ("total", "each", "patients")


def _facts(row: CountRow) -> tuple[str, str, str]:
    patients = "unknown" if row.num_patients is None else f"{row.num_patients:,}"
    return f"{row.total:,}", row.shape, patients


def _fits(table: Table, width: int) -> bool:
    """Whether every cell fits into one line."""
    return Measurement.get(console, console.options.update(width=10_000), table).maximum <= width


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for rich, in which names may be broken into several lines, but not numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(columns[0]), overflow="fold")
    for name in columns[1:]:
        table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
