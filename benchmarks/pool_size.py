"""What a run costs and finds as its pool grows, from 1,024 to 1,048,576 candidates.

    python benchmarks/pool_size.py [--sizes 4096 102400] [--seeds 0 1 2] [--only run copies]

run     a whole selection, `rlsel.select` on made-up embeddings of 512 numbers, half of the
        candidates with a wrong label: seconds of each stage, memory, and how much of the truth was
        found. The evaluations are the same for every size.
copies  the copy audit of made-up images of 32 px, and the distances between candidates, which are
        computed where an input asks for them.
Each cell runs in a fresh process. Every finished cell is written to the record at once, and a
second start goes on from there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from recording import Cell, CellRecord

from rlsel.machine.json_files import to_json

HERE = Path(__file__).parent
SIZES = tuple(4**k for k in range(5, 11))
OTHER_SIZES = (102_400,)
"""The size that a target is set for."""
LARGEST_COMPARED = 102_400
"""Distances between candidates take a time that grows with the square of their number."""
WIDTH = 512
NUM_TRAIN, NUM_VAL = 320, 800
NUM_TRAIN_OF_AUDIT = 2000
"""Training images that candidates are compared with; more than a run here has, as real sets may."""
SEPARATION = 0.05
"""Distance of a class's mean from the middle, in standard deviations of the noise of one number."""
ALGORITHM = {"iterations": 8, "episodes": 16}
NUM_KEPT = 512
QUICK = {"sizes": [64, 128], "seeds": [0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=sorted((*SIZES, *OTHER_SIZES)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--record", type=Path, default=HERE / "records" / "pool_size.json")
    parser.add_argument("--quick", action="store_true", help="tiny; the figures mean nothing")
    parser.add_argument("--cell", nargs=3, metavar=("PART", "SIZE", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        part, size, seed = arguments.cell
        sys.stdout = sys.stderr  # what a run prints is not the cell
        cell = CELLS[part](int(size), int(seed))
        os.write(1, to_json(cell).encode())
        return
    sizes, seeds = arguments.sizes, arguments.seeds
    if arguments.quick:
        sizes, seeds = QUICK["sizes"], QUICK["seeds"]
    config = {
        "width": WIDTH,
        "train": NUM_TRAIN,
        "val": NUM_VAL,
        "separation": SEPARATION,
        "algorithm": ALGORITHM,
        "kept": NUM_KEPT,
        "train_of_audit": NUM_TRAIN_OF_AUDIT,
    }
    record = CellRecord(arguments.record, config, summarise, is_timed=True, n=num_draws)
    for part in arguments.only:
        record.fill(part, dict(cells(part, sizes, seeds)))
    record.write()


def cells(
    part: str, sizes: list[int], seeds: list[int]
) -> Iterator[tuple[str, Callable[[], Cell]]]:
    for seed in seeds:
        for size in sorted(sizes):
            if part == "run" or size <= LARGEST_COMPARED:
                yield f"{part}/{size}/{seed}", partial(in_a_fresh_process, part, size, seed)


def in_a_fresh_process(part: str, size: int, seed: int) -> Cell:
    command = [sys.executable, __file__, "--cell", part, str(size), str(seed)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def selection(size: int, seed: int) -> Cell:
    """Seconds of each stage of a run, its memory, and how much of the truth it found."""
    import rlsel
    from rlsel.metrics import auc_binary, by_rank
    from rlsel.runs.read import read_run

    train, val, candidates, useful_N = made_up(size, seed)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RLSEL_CACHE"] = f"{folder}/cache"
        start = time.monotonic()
        selected = rlsel.select(
            train,
            val,
            candidates,
            out=f"{folder}/run",
            seed=seed,
            algorithm=ALGORITHM,
            selection={
                "methods": ["controller", "uniform"],
                "keep_fraction": min(0.5, NUM_KEPT / size),
            },
        )
        wall_s = time.monotonic() - start
        record = read_run(Path(folder) / "run").record
    assert selected.score_N is not None
    first = by_rank(selected.score_N)
    return {
        "size": size,
        "wall_s": wall_s,
        "stage_s": record.stage_s,
        "peak_memory_gib": record.peak_memory_gib,
        "auc": auc_binary(selected.score_N, useful_N),
        "precision": {
            "kept": float(useful_N[selected.kept_N].mean()),
            "half": float(useful_N[first[: size // 2]].mean()),
        },
    }


def made_up(size: int, seed: int, width: int = WIDTH) -> tuple[Any, Any, Any, np.ndarray]:
    """Real embeddings of two classes, and candidates of which half have the other class's label."""
    rng = np.random.default_rng(seed)
    direction_F = rng.standard_normal(width, dtype=np.float32)
    direction_F *= SEPARATION * np.sqrt(width) / np.linalg.norm(direction_F)

    def draw(num: int) -> tuple[np.ndarray, np.ndarray]:
        labels_N = np.arange(num) % 2
        x_NF = rng.standard_normal((num, width), dtype=np.float32)
        x_NF += (2 * labels_N[:, None] - 1).astype(np.float32) * direction_F
        return x_NF, labels_N

    train, val, (x_NF, labels_N) = draw(NUM_TRAIN), draw(NUM_VAL), draw(size)
    useful_N = rng.random(size) < 0.5
    return train, val, (x_NF, np.where(useful_N, labels_N, 1 - labels_N)), useful_N


def comparison(size: int, seed: int) -> Cell:
    """Seconds of the copy audit of images, and of the distances between candidates."""
    from rlsel.data import ImageSet
    from rlsel.features.neighbours import nearest_other_distance
    from rlsel.quality import audit_copies

    rng = np.random.default_rng(seed)

    def images(num: int) -> ImageSet:
        pixels = rng.integers(0, 256, (num, 32, 32, 3), np.uint8)
        return ImageSet(pixels, np.arange(num) % 2, ("a", "b"), np.arange(num).astype(str))

    sets = images(size), images(NUM_TRAIN_OF_AUDIT), images(NUM_VAL)
    start = time.monotonic()
    audit_copies(*sets, rng)
    audited = time.monotonic()
    nearest_other_distance(rng.standard_normal((size, WIDTH), dtype=np.float32))
    compared = time.monotonic()
    return {"size": size, "copies_s": audited - start, "nearest_s": compared - audited}


CELLS: dict[str, Callable[[int, int], Cell]] = {"run": selection, "copies": comparison}


def num_draws(cells: dict[str, Cell]) -> int:
    return len({key.split("/")[2] for key in cells if key.startswith("run/")})


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Size -> figure -> mean over the seeds."""
    found: dict[str, dict[str, list[float]]] = {}
    for cell in cells.values():
        of_size = found.setdefault(str(cell["size"]), {})
        for name, value in _flat(cell):
            if name != "size":
                of_size.setdefault(name, []).append(value)
    return {
        size: {name: float(np.mean(values)) for name, values in figures.items()}
        for size, figures in sorted(found.items(), key=lambda item: int(item[0]))
    }


def _flat(cell: Cell) -> Iterator[tuple[str, float]]:
    for name, value in cell.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", number) for inner, number in value.items())
        else:
            yield name, value


if __name__ == "__main__":
    main()
