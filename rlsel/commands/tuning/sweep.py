"""Run a sweep, from its file to its table.

All trials share one pool of evaluators. Each trial has its own folder, with its own ledger, in the
folder of the sweep. A sweep that is started again continues each trial where it stopped.
"""

import sys
from pathlib import Path
from typing import Any

from rlsel.commands.tuning.grid import Point, load_sweep
from rlsel.commands.tuning.inputs import read_judges
from rlsel.commands.tuning.running import Failure, run_trials
from rlsel.commands.tuning.table import compare, print_tables
from rlsel.errors import InputError
from rlsel.machine import cluster
from rlsel.machine.json_files import write_json
from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.runs.lock import holding, is_empty
from rlsel.runs.record import Record

RESULTS = "sweep.json"


def run_sweep(path: Path, out: Path) -> int:
    """Run a sweep, print its table and write it to `out/sweep.json`.

    Failed trials are listed with the reason. The table contains the others.

    Returns:
        0 without failed trials; 2 if all failures are mistakes of the user; otherwise 1.

    Raises:
        InputError: the sweep or an input of one of its trials is wrong; no trial was started.
    """
    sweep, points = load_sweep(path)
    out = out.resolve()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another --out")
    if out.exists() and not is_empty(out) and not (out / "trials").is_dir():
        raise InputError(f"{out}: is not empty and holds no sweep; choose another --out")
    judges = read_judges(points)
    trials = {name: e for point in points for name, e in point.trials.items()}
    with holding(out), cluster.ray_session():
        failures = run_trials(trials, out, sweep.max_concurrent)
    records = {name: Record.read(out / "trials" / name) for name in trials if name not in failures}
    groups = compare(points, judges, records)
    failed = [_told(point, name, failures[name]) for point in points for name in point.trials
              if name in failures]  # fmt: skip
    rows = [row for group in groups for row in group.rows]
    write_json(
        out / RESULTS,
        {"sweep": path.name, "seeds": list(sweep.seeds), "summary": rows, "failed": failed},
        indent=2,
    )
    print_tables(groups, len(sweep.seeds))
    console.print(f"sweep: {out / RESULTS}", markup=False)
    for one in failed:
        print(f"rlsel: trial {one['trial']} ({one['point']}): {one['reason']}", file=sys.stderr)
    if failed:
        print(
            f"rlsel: {len(failed)} of {counted(len(trials), 'trial')} failed; started again, the "
            "sweep goes on with them alone",
            file=sys.stderr,
        )
    return _exit_code(list(failures.values()))


def _told(point: Point, trial: str, failure: Failure) -> dict[str, Any]:
    return {"trial": trial, "point": point.name, "reason": failure.reason}


def _exit_code(failures: list[Failure]) -> int:
    if not failures:
        return 0
    return 2 if all(failure.is_mistake for failure in failures) else 1
