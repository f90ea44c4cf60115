"""What an evaluation costs: ours against a naive peer, fidelity against fidelity.

    python benchmarks/reward_throughput.py [--repetitions 5] [--only throughput accuracy ...]
    python benchmarks/reward_throughput.py --device cuda --record $OUT/reward_throughput_cuda.json

In one run, in turns:
throughput  evaluations an hour and images a second of ours and of a plain PyTorch trainer
            (throughput/naive_peer.py), each in the ways a user may share out the machine;
accuracy    test scores of both after the same training, for five seeds;
fidelity    seconds of a full, finetune and probe evaluation in one process;
share       model FLOP/s against the matrix-product rate, and where the rest of the time goes.
Every finished cell is written to the record at once, and a second start goes on from there.
Nothing here needs Ray.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from recording import Cell, CellRecord
from throughput.accuracy import AccuracyCheck
from throughput.beds import experiment
from throughput.code_digest import digest_of_code, measured_code
from throughput.device_share import measure_share
from throughput.fidelities import FidelityCosts
from throughput.sides import Setting, Setup, measure
from throughput.summary import summarise

from rlsel.classifier import ClassifierConfig
from rlsel.experiment.config import Experiment
from rlsel.rewards.jobs import Fidelity

HERE = Path(__file__).parent
PARTS = ("throughput", "accuracy", "fidelity", "share")
NUM_VAL = 1454
"""Images of PCam's reward-val in the planted set-up."""
PAPER_NUM_TRAIN = 6688
"""3% of PCam's training patches (Ye et al. 2020)."""
MOST_EXTRAPOLATED = 3
"""Repetitions: they cost most of the time of the whole measurement."""
CPU_SETTINGS = (
    Setting(32, 500, NUM_VAL, complete=True),
    Setting(32, 6688, NUM_VAL, complete=False, timed_steps=24),
    Setting(96, 500, NUM_VAL, complete=False, timed_steps=4, warm_up_steps=1),
    Setting(96, 6688, NUM_VAL, complete=False, timed_steps=4, warm_up_steps=1),
)
GPU_SETTINGS = tuple(
    Setting(size_px, num, NUM_VAL, complete=True) for size_px in (96, 32) for num in (6688, 500)
)
QUICK_SETTINGS = (
    Setting(16, 40, 24, complete=True),
    Setting(16, 41, 24, complete=False, timed_steps=2, warm_up_steps=1, timed_val=12),
)
GROUPS: dict[Fidelity, tuple[int, ...]] = {"full": (1,), "finetune": (1,), "probe": (1, 128)}
GPU_GROUPS: dict[Fidelity, tuple[int, ...]] = {
    "full": (1, 4), "finetune": (1, 4), "probe": (1, 128),
}  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    quick, device = arguments.quick, arguments.device
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # else an evaluator would find one
    bed = bed_on(device, quick, arguments.acceleration)
    classifier = bed.classifier
    record = CellRecord(
        arguments.record,
        {
            "device": device,
            "quick": quick,
            "classifier": asdict(classifier),
            "settings": [asdict(setting) for setting in settings_on(arguments)],
            "images": "random pixels for throughput and share",
            "bed": asdict(bed.data)
            | {"pool": asdict(bed.pool), "classifier": asdict(bed.classifier)},
            "code": digest_of_code(measured_code()),
        },
        summarise,
        of_other_settings="start anew",
        is_timed=True,
        gpu_name=torch.cuda.get_device_name() if device == "cuda" else None,
    )
    parts: dict[str, Callable[[], Iterator[tuple[str, Callable[[], Cell]]]]] = {
        "throughput": lambda: throughput_cells(classifier, arguments),
        "share": lambda: share_cells(classifier, arguments),
        "accuracy": lambda: accuracy_cells(bed, arguments),
        "fidelity": lambda: fidelity_cells(bed, arguments),
    }
    cells = [cell for name in arguments.only for cell in parts[name]()]
    cells.sort(key=lambda cell: _rank(cell[0], device))
    record.fill("throughput", dict(cells), arguments.until)
    record.write()
    for name, figure in record.summary.items():
        print(name, figure)


def _rank(key: str, device: str) -> int:
    """All of one repetition, then the next; what takes longest on a GPU a turn later."""
    is_long = "4 processes" in key or (key.startswith("share/") and "groups of 4" in key)
    return int(key.rsplit("/", 1)[1]) + (device == "cuda" and is_long)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--acceleration", default="auto", help="see ClassifierConfig")
    parser.add_argument(
        "--repetitions",
        type=int,
        help="of each pair; 5, on a GPU 3, never more than 3 of what is extrapolated",
    )
    parser.add_argument("--seeds", type=int, help="of the accuracy check; 5")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="in this order")
    parser.add_argument("--size-px", type=int, help="images of this size alone")
    parser.add_argument("--num-images", type=int, help="so many images alone")
    parser.add_argument("--budget-s", type=float, default=math.inf, help="begin nothing later")
    parser.add_argument(
        "--quick", action="store_true", help="tiny images; the figures mean nothing"
    )
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    arguments.until = time.monotonic() + arguments.budget_s
    usual = 1 if arguments.quick else 3 if arguments.device == "cuda" else 5
    arguments.repetitions = arguments.repetitions or usual
    arguments.seeds = arguments.seeds or (1 if arguments.quick else 5)
    name = "reward_throughput" + ("_cuda" if arguments.device == "cuda" else "")
    arguments.record = arguments.record or HERE / "records" / f"{name}.json"
    return arguments


def bed_on(device: str, quick: bool, acceleration: str) -> Experiment:
    """The default; on a GPU 96 px and steps of 256 images, which both sides take."""
    changed: dict[str, Any] = {"classifier": {"acceleration": acceleration}}
    if device == "cuda" and not quick:
        changed["data"] = {"size_px": 96, "num_train": PAPER_NUM_TRAIN}
        changed["classifier"]["batch_size"] = 256
    return experiment(quick, **changed)


def settings_on(arguments: argparse.Namespace) -> list[Setting]:
    """What was asked for, of those that this device has."""
    settings = GPU_SETTINGS if arguments.device == "cuda" else CPU_SETTINGS
    return [
        setting
        for setting in (QUICK_SETTINGS if arguments.quick else settings)
        if arguments.size_px in (None, setting.size_px)
        and arguments.num_images in (None, setting.num_images)
    ]


def setups_on(device: str, quick: bool) -> list[Setup]:
    """Ours as rlsel runs, the peer in every way that may be its fastest."""
    cores = len(os.sched_getaffinity(0))
    if quick:
        return [Setup("ours", processes=2), Setup("peer", workers=1)]
    peers = [Setup("peer", threads=cores), Setup("peer", threads=cores, workers=cores)]
    if device == "cuda":
        quarter = max(1, cores // 4)
        peers = [
            Setup("peer", threads=cores, workers=cores),
            Setup("peer", threads=cores, workers=min(8, cores)),
            Setup("peer", processes=4, threads=quarter, workers=quarter),
        ]
        # Of most worth first, as the time may end.
        return [
            Setup("ours"), peers[0], Setup("ours", group=4), peers[1], Setup("ours", group=2),
            peers[2],
        ]  # fmt: skip
    per_core = [Setup(side, processes=cores) for side in ("ours", "peer")] if cores > 1 else []
    return [Setup("ours"), *per_core, *peers]


def throughput_cells(
    classifier: ClassifierConfig, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    """All set-ups in turn, in the other direction every other time: a repetition is a pair."""
    setups = setups_on(arguments.device, arguments.quick)
    for setting in settings_on(arguments):
        most = arguments.repetitions if setting.complete else MOST_EXTRAPOLATED
        for repetition in range(min(arguments.repetitions, most)):
            for setup in setups[:: 1 if repetition % 2 == 0 else -1]:
                key = f"throughput/{setting.name}/{setup.name}/{repetition}"
                yield key, partial(measure, setup, setting, classifier, arguments.device)


def accuracy_cells(
    bed: Experiment, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    threads = 1 if arguments.quick else len(os.sched_getaffinity(0))
    check = AccuracyCheck(bed, arguments.device, threads)
    for seed in range(arguments.seeds):
        yield f"accuracy/ours/{seed}", partial(check.ours, seed)
        yield f"accuracy/peer/{seed}", partial(check.peer, seed)


def fidelity_cells(
    bed: Experiment, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    groups = GPU_GROUPS if arguments.device == "cuda" else GROUPS
    least_s = 0.1 if arguments.quick else 2.0
    costs = FidelityCosts(bed, groups, least_s)
    yield from costs.cells(arguments.repetitions)


def share_cells(
    classifier: ClassifierConfig, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    matrix = 64 if arguments.quick else 8192 if arguments.device == "cuda" else 2048
    setting = settings_on(arguments)[0]
    for repetition in range(arguments.repetitions):
        for group in (1, 4) if arguments.device == "cuda" else (1,):
            key = f"share/{setting.name} in groups of {group}/{repetition}"
            yield (
                key,
                partial(measure_share, setting, group, classifier, arguments.device, matrix),
            )


if __name__ == "__main__":
    main()
