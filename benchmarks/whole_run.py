"""The whole line, end to end: scores, truth found, evaluations, time and memory of ordinary runs.

    python benchmarks/whole_run.py default --seeds 0 1 2
    python benchmarks/whole_run.py pcam_planted --config tune_configs/pcam_planted.yaml --seeds 0

Each seed is `rlsel run` in a process of its own, as a user starts it, in runs/benchmark-NAME-seedN;
started again it goes on where it stopped. Writes benchmarks/records/whole_run_NAME.json after each
seed; a seed that is there already, of the same configuration, is not run again.
"""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recording import read_record, write_record

from rlsel.experiment.config import load_experiment
from rlsel.machine.progress import console
from rlsel.metrics import mean_and_std
from rlsel.runs.record import FILE_NAME

HERE = Path(__file__).parent
SHARED = ("device", "versions")
"""On top of the record; a run made on another machine or with other versions says so itself."""
LEFT_OUT = ("command", "name", "config_hash", "notes")

Run = dict[str, Any]
"""A run's `record.json`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", help="of the record")
    parser.add_argument("--config", type=Path, help="none: the built-in default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")
    arguments = parser.parse_args()
    config_hash = load_experiment(arguments.config).hash
    path = HERE / "records" / f"whole_run_{arguments.name}.json"
    runs = _recorded(path, config_hash)
    for seed in arguments.seeds:
        if seed in runs:
            console.print(f"seed {seed} is in {path} already")
            continue
        folder = arguments.runs / f"benchmark-{arguments.name}-seed{seed}"
        command = [sys.executable, "-m", "rlsel", "run", *filter(None, [arguments.config])]
        command += ["--seed", str(seed), "--out", folder, "--resume"]
        subprocess.run(command, check=True)
        runs[seed] = json.loads((folder / FILE_NAME).read_text())
        write_runs(path, config_hash, [runs[key] for key in sorted(runs)])


def _recorded(path: Path, config_hash: str) -> dict[int, Run]:
    """Seed -> a run that this record has of the configuration; none if it has another's."""
    if not path.exists():
        return {}
    content = read_record(path)
    if content["config"]["config_hash"] != config_hash:
        console.print(f"{path} is of another configuration: it is written anew")
        return {}
    shared = {"device": content["hardware"], "versions": content["versions"]}
    return {run["seed"]: {**shared, **run} for run in content["cells"].values()}


def write_runs(path: Path, config_hash: str, runs: list[Run]) -> None:
    """The figures that targets name on top, and every raw value of each run beneath."""
    last = runs[-1]
    write_record(
        path,
        summary=summarise(runs),
        n=len(runs),
        config={"config_hash": config_hash},
        cells={f"seed {run['seed']}": _kept(run, last) for run in runs},
        machine={"hardware": last["device"], "versions": last["versions"]},
    )
    console.print(f"record: {path}", markup=False)


def summarise(runs: list[Run]) -> dict[str, Any]:
    """Means over seeds of each run's means over rounds, with the sample std between seeds."""
    summary: dict[str, Any] = {}
    for method, scores in runs[0]["scores"].items():
        for metric in scores:
            means = [mean_and_std(_numbers(run["scores"][method][metric]))[0] for run in runs]
            summary[f"test_{metric}.{method}"] = _figure(means)
    for name in runs[0]["truth"] or {}:
        summary[f"truth_auc.{name}"] = _figure([run["truth"][name]["auc"] for run in runs])
    for name in ("wall_s", "peak_memory_gib"):
        summary[name] = _figure([run[name] for run in runs])
    summary["evaluations"] = _figure([run["evaluations"]["trained"] for run in runs])
    return summary


def _figure(values: Sequence[float | None]) -> dict[str, Any]:
    """Null where a figure has no meaning, such as the AUC of a method that ranks nothing."""
    known = _numbers(values)
    if not all(math.isfinite(value) for value in known):
        return {"mean": None, "std": None, "min": None, "max": None, "n": len(values)}
    mean, std = mean_and_std(known)
    figure = {"mean": mean, "std": std, "min": min(known), "max": max(known)}
    finite = {key: round(x, 4) if math.isfinite(x) else None for key, x in figure.items()}
    return finite | {"n": len(values)}


def _numbers(values: Sequence[float | None]) -> list[float]:
    """As `rlsel.runs.record.Number`: JSON has no NaN, so null stands for it."""
    return [math.nan if value is None else float(value) for value in values]


def _kept(run: Run, last: Run) -> Run:
    """A run without what tells nothing in a benchmark, and what it shares with the last one."""
    left_out = {*LEFT_OUT, *(key for key in SHARED if run[key] == last[key])}
    return {key: value for key, value in run.items() if key not in left_out}


if __name__ == "__main__":
    main()
