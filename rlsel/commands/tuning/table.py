"""The results of a sweep: the points of each judge, best first, with the noise of their figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from rlsel.commands.tuning.grid import Point
from rlsel.commands.tuning.inputs import Judge
from rlsel.commands.tuning.noise import Noise, noise_of
from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.metrics import mean_and_std
from rlsel.runs.record import Record

SHOWN = ("selection_val", "truth_auc", "test_accuracy", "test_auc")


@dataclass(frozen=True)
class Group:
    """The points with one judge. Points with different judges cannot be compared."""

    judge: Judge
    rows: list[dict[str, Any]]
    """The best on selection-val first; points without a finished trial last."""
    noise: Noise


def compare(
    points: Sequence[Point], judges: Sequence[Judge], records: Mapping[str, Record]
) -> list[Group]:
    """Rank the points of each judge by the trials that finished.

    Args:
        judges: One for each point.
        records: Records of the finished trials, by name of the trial.
    """
    return [
        _group(judge, [p for p, its in zip(points, judges, strict=True) if its == judge], records)
        for judge in dict.fromkeys(judges)
    ]


def _group(judge: Judge, points: list[Point], records: Mapping[str, Record]) -> Group:
    finished = [[records[name] for name in point.trials if name in records] for point in points]
    rows = [_summarise(point, found) for point, found in zip(points, finished, strict=True)]
    num_seeds = len(judge.images)
    whole = [row["selection_val"]["values"] for row in rows if row["n"] == num_seeds]
    noise = noise_of(np.array(whole, dtype=float).reshape(-1, num_seeds), judge)
    compared_by = {"metric": judge.metric, "fidelity": judge.fidelity, "images": judge.num_images}
    about = {"compared_by": compared_by, "noise": asdict(noise) | {"apart": noise.apart}}
    rows.sort(key=lambda row: -row["selection_val"]["mean"] if row["n"] else np.inf)
    return Group(judge, [row | about for row in rows], noise)


def _summarise(point: Point, records: list[Record]) -> dict[str, Any]:
    """Mean and sample standard deviation over seeds of the figures that compare settings."""
    values: dict[str, list[float]] = {
        "selection_val": [record.learning["selection_val"] for record in records]
    }
    for metric in ("accuracy", "auc"):
        found = [record.scores.get("controller", {}).get(metric) for record in records]
        values[f"test_{metric}"] = [mean_and_std(v)[0] for v in found if v]
    values["truth_auc"] = [
        record.truth["controller"]["auc"] for record in records if record.truth is not None
    ]
    row: dict[str, Any] = {"point": point.name, "settings": point.settings, "n": len(records)}
    for name, series in values.items():
        mean, std = mean_and_std(series)
        row[name] = {"mean": mean, "std": std, "values": series}
    return row


def print_tables(groups: Sequence[Group], num_seeds: int) -> None:
    """Print a table for each judge, with a line on its noise."""
    for group in groups:
        console.print(_table(group, num_seeds))
        if sum(row["n"] > 0 for row in group.rows) > 1:
            console.print(group.noise.describe(), markup=False)
    if len(groups) > 1:
        console.print(
            f"{counted(len(groups), 'table')}, since figures of different metrics, fidelities or "
            "validation images cannot be compared",
            markup=False,
        )


def _table(group: Group, num_seeds: int) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"best on selection-val first ({group.judge}); mean ± sample std over "
        + counted(num_seeds, "seed"),
    )
    table.add_column("settings")
    shown = [name for name in SHOWN if any(row[name]["values"] for row in group.rows)]
    for name in shown or SHOWN[:1]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in group.rows:
        missing = f" ({row['n']} of {counted(num_seeds, 'seed')})" if row["n"] < num_seeds else ""
        table.add_row(row["point"] + missing, *(_figure(row[name]) for name in shown or SHOWN[:1]))
    return table


def _figure(value: dict[str, Any]) -> str:
    spread = "" if value["std"] != value["std"] else f" ± {value['std']:.3f}"  # NaN with one seed
    return f"{value['mean']:.3f}{spread}" if value["values"] else "-"
