"""The whole line, end to end: scores, truth found, evaluations, time and memory of ordinary runs.

    python benchmarks/whole_run.py default --seeds 0 1 2
    python benchmarks/whole_run.py pcam_planted --config tune_configs/pcam_planted.yaml --seeds 0

Each seed is `rlsel run` in a process of its own, as a user starts it, in runs/benchmark-NAME-seedN;
started again it goes on where it stopped. Writes benchmarks/records/whole_run_NAME.json.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from rlsel.atomic_files import write_text
from rlsel.records import FILE_NAME, Record, mean_and_std

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", help="of the record")
    parser.add_argument("--config", help="none: the built-in default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")
    arguments = parser.parse_args()
    folders = []
    for seed in arguments.seeds:
        folder = arguments.runs / f"benchmark-{arguments.name}-seed{seed}"
        command = [sys.executable, "-m", "rlsel", "run", *filter(None, [arguments.config])]
        command += ["--seed", str(seed), "--out", str(folder), "--resume"]
        subprocess.run(command, check=True)
        folders.append(folder)
    write_record(arguments.name, folders)


def write_record(name: str, folders: list[Path]) -> None:
    """One JSON with the figures that targets name on top and every raw value beneath."""
    records = [Record.read(folder) for folder in folders]
    content = {
        "summary": summarise(records),
        "n": len(records),
        "config_hash": records[0].config_hash,
        "device": records[0].device,
        "versions": records[0].versions,
        "runs": [_kept(folder) for folder in folders],
    }
    path = HERE / "records" / f"whole_run_{name}.json"
    write_text(path, json.dumps(content, indent=1) + "\n")
    print(f"record: {path}")


def summarise(records: list[Record]) -> dict[str, Any]:
    """Means over seeds of each run's means over rounds, with the sample std between seeds."""
    summary: dict[str, Any] = {}
    for method, scores in records[0].scores.items():
        for metric in scores:
            means = [mean_and_std(record.scores[method][metric])[0] for record in records]
            summary[f"test_{metric}.{method}"] = _figure(means)
    for name in records[0].truth or {}:
        summary[f"truth_auc.{name}"] = _figure([(r.truth or {})[name]["auc"] for r in records])
    for name in ("wall_s", "peak_memory_gib"):
        summary[name] = _figure([getattr(record, name) for record in records])
    summary["evaluations"] = _figure([record.evaluations["trained"] for record in records])
    return summary


def _figure(values: list[float]) -> dict[str, Any]:
    """Null where a figure has no meaning, such as the AUC of a method that ranks nothing."""
    if not all(math.isfinite(value) for value in values):
        return {"mean": None, "std": None, "min": None, "max": None, "n": len(values)}
    mean, std = mean_and_std(values)
    figure = {"mean": mean, "std": std, "min": min(values), "max": max(values)}
    finite = {key: round(x, 4) if math.isfinite(x) else None for key, x in figure.items()}
    return finite | {"n": len(values)}


def _kept(folder: Path) -> dict[str, Any]:
    """A record without what tells nothing in a benchmark."""
    left_out = ("versions", "device", "command", "name", "config_hash", "notes")
    content = json.loads((folder / FILE_NAME).read_text())
    return {key: value for key, value in content.items() if key not in left_out}


if __name__ == "__main__":
    main()
