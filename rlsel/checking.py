"""`rlsel check`: reads every input of an experiment and says what it found. Trains nothing."""

from rich import box
from rich.table import Table
from rich.text import Text

from rlsel.config import Experiment
from rlsel.data import Splits, load_splits
from rlsel.data.wording import counted
from rlsel.pool import InputReport, Pool, build_pool, describe_inputs
from rlsel.progress import console
from rlsel.quality.of_run import require_weights
from rlsel.selectors.peers import require_packages


def read_inputs(experiment: Experiment) -> tuple[Splits, Pool | None]:
    """All that is read or drawn before anything is trained; no pool where a generator makes it.

    Raises:
        InputError: an input is wrong, or the experiment does not go with it.
    """
    require_packages(experiment.selection.methods)
    require_weights(experiment.audit.weights)
    splits = load_splits(experiment.data, experiment.seed)
    experiment.selection.ranges_of(splits.class_names)
    if experiment.generator is not None:
        from rlsel.generators.histogan.train import require_trainable

        require_trainable(splits.train)
        return splits, None
    return splits, build_pool(experiment.pool, splits, experiment.data, experiment.seed)


def check_inputs(experiment: Experiment) -> InputReport:
    """Print counts per class and split, sizes, notes and warnings.

    Raises:
        InputError: an input is wrong; the message is the same that a run would give.
    """
    splits, pool = read_inputs(experiment)
    report = describe_inputs(splits, pool, experiment.cautions)
    console.print(_count_table(report, splits.class_names))
    for finding in report.findings:
        style = "yellow" if finding.level == "warning" else "dim"
        console.print(Text(f"{finding.level}: {finding.text}", style=style), soft_wrap=False)
    console.print(
        f"{experiment.name}: config {experiment.hash}, seed {experiment.seed}, "
        f"{counted(len(report.warnings), 'warning')}; ready to run",
        markup=False,
    )
    return report


def _count_table(report: InputReport, class_names: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("images")
    for name in (*class_names, "total", "size (px)", "patients"):
        table.add_column(Text(name), justify="right")
    for row in report.rows:
        counts = (f"{row.counts.get(name, 0):,}" for name in class_names)
        patients = "unknown" if row.num_patients is None else f"{row.num_patients:,}"
        height, width = row.size_px
        table.add_row(row.part, *counts, f"{row.total:,}", f"{height} x {width}", patients)
    return table
