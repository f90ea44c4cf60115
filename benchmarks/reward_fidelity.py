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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fidelity.bed import CONFIG, NUM_SEEDS, PACE_SET, VARIANTS, bed
from fidelity.cells import pay, train_fully
from fidelity.summary import summarise
from recording import CellRecord, Cells, read_record

from rlsel.experiment.config import load_experiment
from rlsel.machine.progress import console

RECORD = Path(__file__).parent / "records" / "reward_fidelity.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("truth", "fidelities", "summary"))
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time")
    arguments = parser.parse_args()
    known = read_record(RECORD) if RECORD.exists() else {}
    record = CellRecord(
        RECORD,
        known.get("config") or {"config_hash": load_experiment(CONFIG).hash},
        summarise if arguments.part == "summary" else _as_before(known),
        n=NUM_SEEDS,
        gpu_name=torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
    )
    if arguments.part != "summary":
        record.fill_in_processes(arguments.part, _work(arguments.part), arguments.processes)
    record.write()
    console.print(f"record: {RECORD}", markup=False)


def _work(part: str) -> dict[str, Callable[[], dict]]:
    if part == "truth":
        return {
            f"truth | {name} | {seed}": partial(train_fully, name, seed)
            for seed in range(NUM_SEEDS)
            for name in bed().sets
        }
    work: dict[str, Callable[[], dict]] = {
        f"{variant.name} | {seed}": partial(pay, variant.name, seed)
        for seed in range(NUM_SEEDS)
        for variant in VARIANTS
        if seed < variant.num_seeds
    }
    return work | {f"pace | {s}": partial(train_fully, PACE_SET, s) for s in range(NUM_SEEDS)}


def _as_before(known: dict[str, Any]) -> Callable[[Cells], dict[str, Any]]:
    """The summary there is: it takes every cell, and minutes."""
    summary = known.get("summary", {})
    return lambda _: summary


if __name__ == "__main__":
    main()
