"""Which cheap reward says most about full training: rank correlation, signal-to-noise, cost.

    python benchmarks/reward_fidelity.py truth       # hours of training; kept in the record
    python benchmarks/reward_fidelity.py fidelities  # minutes
    python benchmarks/reward_fidelity.py summary

Sets of candidates of the pool in tune_configs/pcam_planted.yaml, in two families: *wide* (from
none to all, from only right to only wrong labels) and *narrow* (independent coin flips). The truth
of a set is the mean over seeds of the test score of a ResNet34 trained on real + set. Against it
stand the rewards that a run could use: every fidelity and metric on reward-val, with repeats.
Every finished cell is written at once, and a second start goes on from there.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fidelity.bed import CONFIG, NUM_SEEDS, PACE_SET, VARIANTS, bed
from fidelity.cells import pay, train_fully
from fidelity.summary import summarise
from planted_truth.resumable import fill

from rlsel.experiment.config import load_experiment
from rlsel.machine.json_files import write_json
from rlsel.machine.progress import console
from rlsel.runs.record import describe_device, installed_versions

RECORD = Path(__file__).parent / "records" / "reward_fidelity.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("truth", "fidelities", "summary"))
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time")
    arguments = parser.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"cells": {}}
    cells = record["cells"]
    work: dict[str, Callable[[], dict]] = {}
    if arguments.part == "truth":
        work = {
            f"truth | {name} | {seed}": partial(train_fully, name, seed)
            for seed in range(NUM_SEEDS)
            for name in bed().sets
        }
    elif arguments.part == "fidelities":
        work = {
            f"{variant.name} | {seed}": partial(pay, variant.name, seed)
            for seed in range(NUM_SEEDS)
            for variant in VARIANTS
            if seed < variant.num_seeds
        }
        work |= {f"pace | {s}": partial(train_fully, PACE_SET, s) for s in range(NUM_SEEDS)}
    fill(cells, arguments.part, work, arguments.processes, lambda: write_record(record))
    if arguments.part == "summary":
        record["summary"] = summarise(cells)
        write_record(record)
        console.print(f"record: {RECORD}", markup=False)


def write_record(record: dict[str, Any]) -> None:
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    about = {
        "n": NUM_SEEDS,
        "config_hash": load_experiment(CONFIG).hash,
        "device": describe_device(gpu),
        "versions": installed_versions(),
    }
    write_json(RECORD, {"summary": {}} | about | record)


if __name__ == "__main__":
    main()
