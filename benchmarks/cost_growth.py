"""How time and memory of an evaluation grow with the number of images.

    python benchmarks/cost_growth.py [--repetitions 3] [--only time memory]

time    seconds of a full, finetune and probe evaluation for real + kept from 100 to 1,524 images of
        32 px, with a straight line through them;
memory  what a fresh process that holds a workbench and has trained once holds more than before, for
        1,000 to 50,000 images of 32 and 96 px: beside docs/architecture.md's bytes per image.
Every finished cell is written to the record at once, and a second start goes on from there.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recording import Cell, CellRecord
from scipy.stats import linregress
from throughput.beds import build_workbench, experiment
from throughput.code_digest import digest_of_code, measured_code
from throughput.figures import rounded, spread
from throughput.memory import measure_memory

from rlsel.experiment.config import Experiment
from rlsel.rewards.jobs import Fidelity, Job
from rlsel.rewards.workbench import Workbench

HERE = Path(__file__).parent
NUM_REAL = 100
SIZES = (100, 250, 500, 750, 1000, 1250, 1524)
"""Images a training takes, real + kept."""
REPEATS: dict[Fidelity, int] = {"full": 1, "finetune": 1, "probe": 64}
"""Evaluations a cell takes the mean of."""
STORED = ((32, (1000, 5000, 10_000, 20_000, 50_000)), (96, (1000, 5000, 10_000, 20_000, 50_000)))
QUICK_SIZES = (40, 56, 72)
QUICK_STORED = ((16, (100, 500, 1000)),)
GROWTHS = ("images_bytes", "held_bytes", "peak_bytes")
PREDICTED_COPIES = {"images_bytes": 1, "held_bytes": 2}
"""Of each image, by docs/architecture.md, in one process without Ray: its own and the device's."""


class Timings:
    """Evaluations on one workbench, which is made when the first of them is asked for."""

    def __init__(self, bed: Experiment, num_real: int) -> None:
        self._bed, self._num_real = bed, num_real

    def cells(
        self, sizes: tuple[int, ...], repetitions: int
    ) -> Iterator[tuple[str, Callable[[], Cell]]]:
        """Repetition by repetition, the sizes in another random order each time."""
        for repetition in range(repetitions):
            order = np.random.default_rng(repetition).permutation(sizes)
            for size in map(int, order):
                for fidelity in REPEATS:
                    key = f"time/{fidelity}/{size}/{repetition}"
                    yield key, partial(self._cell, fidelity, size, repetition)

    def _cell(self, fidelity: Fidelity, num_images: int, repetition: int) -> Cell:
        workbench, generator = self._workbench, np.random.default_rng(repetition)
        if fidelity not in self._prepared:
            workbench.evaluate(self._job(fidelity, self._num_real, generator))
            self._prepared.add(fidelity)
        evaluations = [
            workbench.evaluate(self._job(fidelity, num_images, generator))
            for _ in range(REPEATS[fidelity])
        ]
        seconds = float(np.mean([evaluation.train_s for evaluation in evaluations]))
        return {"seconds": seconds, "num_images": evaluations[0].num_train}

    def _job(self, fidelity: Fidelity, num_images: int, generator: np.random.Generator) -> Job:
        kept_N = np.zeros(self._workbench.num_candidates, bool)
        kept_N[generator.permutation(len(kept_N))[: num_images - self._num_real]] = True
        return Job(kept_N, fidelity, 0, "reward_val")

    @cached_property
    def _workbench(self) -> Workbench:
        torch.set_num_threads(1)  # as in an evaluator
        return build_workbench(self._bed)

    @cached_property
    def _prepared(self) -> set[Fidelity]:
        return set()


def memory_cells(
    stored: tuple[tuple[int, tuple[int, ...]], ...], repetitions: int
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    for repetition in range(repetitions):
        for size_px, numbers in stored:
            for number in numbers:
                key = f"memory/{size_px}px/{number}/{repetition}"
                yield key, partial(measure_memory, number, size_px)


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """`time.FIDELITY`: a line through seconds; `memory.SIZE.WHAT`: one through bytes."""
    points: dict[str, list[tuple[float, float]]] = {}
    before = [cell["before_bytes"] for cell in cells.values() if "before_bytes" in cell]
    for key, cell in cells.items():
        part, name, *_ = key.split("/")
        for what in ("seconds",) if part == "time" else GROWTHS:
            series = f"time.{name}" if part == "time" else f"memory.{name}.{what}"
            points.setdefault(series, []).append((cell["num_images"], cell[what]))
    summary: dict[str, Any] = {}
    for series, measured in points.items():
        summary[series] = line_through(measured)
        if series.startswith("memory."):
            summary[series] |= _in_images(series, measured, summary[series]["slope"])
    return summary | ({"memory.before_bytes": spread(before)} if before else {})


def line_through(points: list[tuple[float, float]]) -> dict[str, Any]:
    """Least squares with standard errors; null where there are too few sizes for them."""
    x, y = np.array(points).T
    sizes = sorted(set(x))
    figure = dict.fromkeys(("slope", "slope_error", "intercept", "intercept_error", "r_squared"))
    if len(sizes) > 2:
        line: Any = linregress(x, y)
        values = (line.slope, line.stderr, line.intercept, line.intercept_stderr, line.rvalue**2)
        figure = dict(zip(figure, map(rounded, values), strict=True))
    by_size = {int(size): spread(y[x == size].tolist()) for size in sizes}
    return {**figure, "n": len(points), "by_num_images": by_size}


def _in_images(
    series: str, points: list[tuple[float, float]], slope: float | None
) -> dict[str, float | None]:
    """Bytes as multiples of a decoded image: of the slope, and with the most images."""
    _, size, what = series.split(".")
    pixels = int(size.removesuffix("px")) ** 2 * 3
    most = max(x for x, _ in points)
    with_most = float(np.median([y for x, y in points if x == most]))
    return {
        "slope_in_images": None if slope is None else rounded(slope / pixels),
        "most_in_images": rounded(with_most / most / pixels),
        "predicted_in_images": PREDICTED_COPIES.get(what),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, help="of each cell; 3")
    parser.add_argument("--only", nargs="+", choices=("time", "memory"), default=("time", "memory"))
    parser.add_argument("--quick", action="store_true", help="tiny; the figures mean nothing")
    parser.add_argument("--record", type=Path, default=HERE / "records" / "cost_growth.json")
    arguments = parser.parse_args()
    repetitions = arguments.repetitions or (1 if arguments.quick else 3)
    num_real, sizes, stored = NUM_REAL, SIZES, STORED
    if arguments.quick:
        num_real, sizes, stored = QUICK_SIZES[0], QUICK_SIZES, QUICK_STORED
    bed = growing_bed(arguments.quick, num_real, sizes[-1])
    config = {
        "quick": arguments.quick,
        "sizes": sizes,
        "bed": asdict(bed.data) | {"pool": asdict(bed.pool), "classifier": asdict(bed.classifier)},
        "code": digest_of_code(measured_code()),
    }
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    record = CellRecord(
        arguments.record,
        config,
        summarise,
        of_other_settings="start anew",
        is_timed=True,
        gpu_name=gpu,
    )
    if "time" in arguments.only:
        record.fill("time", dict(Timings(bed, num_real).cells(sizes, repetitions)))
    if "memory" in arguments.only:
        record.fill("memory", dict(memory_cells(stored, repetitions)))
    record.write()
    for name, figure in record.summary.items():
        print(name, {key: value for key, value in figure.items() if key != "by_num_images"})


def growing_bed(quick: bool, num_real: int, most: int) -> Experiment:
    """Few real images and enough candidates for the largest training."""
    changed: dict[str, Any] = {"pool": {"num_candidates": max(16, most - num_real)}}
    plain = experiment(quick)
    if plain.data.source.name == "phantom":
        changed["data"] = {"source": {"num_train": num_real}}
    else:
        changed["data"] = {"num_train": num_real}
    return experiment(quick, **changed)


if __name__ == "__main__":
    main()
