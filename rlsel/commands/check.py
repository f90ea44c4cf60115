"""`rlsel check`: reads every input of an experiment and says what it found. Trains nothing."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rlsel.commands.ids import write_ids
from rlsel.data import Splits, load_splits
from rlsel.data.positive_class import describe_positive, doubts
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment
from rlsel.features.extractors import require_extractor, require_features
from rlsel.machine.progress import console
from rlsel.machine.wording import below_here, counted
from rlsel.pool import InputReport, Pool, build_pool, describe_inputs
from rlsel.pool.checks import CountRow
from rlsel.quality.of_run import require_weights
from rlsel.selectors.own_rule import require_rules
from rlsel.selectors.peers import require_packages


def read_inputs(experiment: Experiment) -> tuple[Splits, Pool | None]:
    """All that is read or drawn before anything is trained; no pool where a generator makes it.

    Raises:
        InputError: an input is wrong, or the experiment does not go with it.
    """
    splits, pool = _read_images(experiment)
    if pool is not None:
        require_features(experiment.features.extractor, splits, pool.candidates)
    return splits, pool


def _read_images(experiment: Experiment) -> tuple[Splits, Pool | None]:
    require_packages(experiment.selection.methods)
    require_rules(experiment.selection.methods, experiment.folder)
    require_weights(experiment.audit.weights)
    require_extractor(experiment.features.extractor)
    _require_gpus(experiment)
    splits = load_splits(experiment.data, experiment.seed)
    experiment.selection.ranges_of(splits.class_names)
    if experiment.generator is not None:
        from rlsel.generators.candidates import require_known
        from rlsel.generators.histogan.train import require_trainable

        require_trainable(splits.train)
        require_known(experiment.generator.classes, splits.class_names, "generator.classes")
        return splits, None
    return splits, build_pool(experiment.pool, splits, experiment.data, experiment.seed)


def _require_gpus(experiment: Experiment) -> None:
    """Refuse GPUs that a Ray of our own could never offer, before anything is trained.

    Raises:
        InputError: evaluators are to have GPUs, and there is neither one here nor a cluster.
    """
    evaluators, ray = experiment.evaluators, sys.modules.get("ray")
    asked = evaluators.count is not None and evaluators.gpus_each is not None
    if not asked or os.environ.get("RAY_ADDRESS") or (ray and ray.is_initialized()):
        return
    import torch  # takes seconds

    if not torch.cuda.is_available():
        raise InputError(
            f"evaluators: {evaluators.count} with {evaluators.gpus_each:g} of a GPU each are "
            "wanted, and this machine has no GPU: leave gpus_each out, or set RAY_ADDRESS to a "
            "cluster"
        )


def describe_settings_and_inputs(
    experiment: Experiment, splits: Splits, pool: Pool | None
) -> InputReport:
    """What a check prints and a run records: counts, warnings and notes."""
    doubtful = doubts(splits.class_names, experiment.data.positive_class)
    remarks = experiment.remarks
    if not doubtful:
        remarks = (*remarks, describe_positive(splits.class_names))
    cautions = (*experiment.cautions, *doubtful, *_idle_ranges(experiment, pool))
    return describe_inputs(splits, pool, cautions, remarks)


def _idle_ranges(experiment: Experiment, pool: Pool | None) -> Iterator[str]:
    """A warning for each class with a keep range of its own and no candidate that it could bind."""
    made = experiment.generator.classes if experiment.generator else None
    for name in experiment.selection.keep_range_of_class:
        if (name in pool.absent) if pool else (made is not None and name not in made):
            yield (
                f"selection.keep_range_of_class names {name!r}, of which the pool has no "
                "candidate, so that range changes nothing"
            )


def check_inputs(experiment: Experiment, ids: Path | None = None) -> InputReport:
    """Print counts per class and split, sizes, notes and warnings.

    Args:
        ids: A CSV file for the ids of all images. A file of features is not looked at then, as it
            may have to be made from them.

    Raises:
        InputError: an input is wrong; the message is the same that a run would give.
    """
    splits, pool = _read_images(experiment) if ids else read_inputs(experiment)
    report = describe_settings_and_inputs(experiment, splits, pool)
    for table in _count_tables(report, splits.class_names, console.width):
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
        written = counted(write_ids(ids, splits, pool), "image")
        missing = "" if pool else "; the candidates are not among them, as they are not made yet"
        console.print(f"ids of {written} written to {ids}{missing}", markup=False)
    return report


def _count_tables(report: InputReport, class_names: tuple[str, ...], width: int) -> Iterator[Table]:
    """A row for each part; where that is too wide, a row for each class, and sizes by themselves.

    So no number is ever cut off.
    """
    by_class = [[f"{row.counts.get(name, 0):,}" for name in class_names] for row in report.rows]
    facts = [_facts(row) for row in report.rows]
    parts = [row.part for row in report.rows]
    wide = _table(
        ("images", *class_names, *FACTS),
        [[part, *counts, *fact] for part, counts, fact in zip(parts, by_class, facts, strict=True)],
    )
    if _fits(wide, width):
        yield wide
        return
    yield _table(("images", *parts), [[*row] for row in zip(class_names, *by_class, strict=True)])
    yield _table(("", *FACTS), [[part, *fact] for part, fact in zip(parts, facts, strict=True)])


FACTS = ("total", "size (px)", "patients")


def _facts(row: CountRow) -> tuple[str, str, str]:
    patients = "unknown" if row.num_patients is None else f"{row.num_patients:,}"
    height, width = row.size_px
    return f"{row.total:,}", f"{height} x {width}", patients


def _fits(table: Table, width: int) -> bool:
    """Whether every cell can stand in one line."""
    return Measurement.get(console, console.options.update(width=10_000), table).maximum <= width


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Names may be broken into several lines, numbers may not."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(columns[0]), overflow="fold")
    for name in columns[1:]:
        table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
