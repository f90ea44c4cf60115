"""What a run must hold in memory as its pool, its embeddings and its classes grow.

    python benchmarks/pool_memory.py [--only 262144/512/2]

Each cell is the run of `pool_size.py` with so many candidates, numbers and classes, in a fresh
process and a control group of its own. Its figure is the largest memory that the group held but for
pages of files, which the system gives up when memory gets short. `rlsel.features.pool_size`
estimates it beforehand. It needs the right to make control groups, as root has. Every finished cell
is written to the record at once, and a second start goes on from there.
"""

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from memory_limit import control_group, in_group
from pool_size import ALGORITHM, NUM_KEPT, made_up
from recording import Cell, CellRecord

HERE = Path(__file__).parent
CELLS: dict[str, dict[str, Any]] = {
    "4096/16/2": {},
    "262144/16/2": {},
    "262144/512/2": {},
    "262144/2048/2": {},
    "262144/512/20": {},
    "262144/512/2/features": {"inputs": ["class", "own_distance", "features"]},
    "1048576/512/2": {},
}
"""Candidates / numbers of each / classes -> settings of the features."""
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--record", type=Path, default=HERE / "records" / "pool_memory.json")
    parser.add_argument("--cell", choices=CELLS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        run(arguments.cell)
        return
    record = CellRecord(
        arguments.record, {"algorithm": ALGORITHM, "seed": SEED}, summarise, n=draws
    )
    record.fill("memory", {key: partial(measured, key) for key in arguments.only})
    record.write()


def measured(key: str) -> Cell:
    """What a run holds."""
    with control_group(None) as group, tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"RLSEL_CACHE": cache, "OMP_NUM_THREADS": "1"}
        ended = in_group(group, [sys.executable, __file__, "--cell", key], environment)
    if ended["exit_code"]:
        raise RuntimeError(f"{key}: the run ended with exit code {ended['exit_code']}")
    return {"held_gib": ended["held_gib"]}


def run(key: str) -> None:
    import rlsel

    num_candidates, width, num_classes = map(int, key.split("/")[:3])
    *arrays, _ = made_up(num_candidates, SEED, width)
    if num_classes > 2:
        arrays = [(x_NF, np.arange(len(x_NF)) % num_classes) for x_NF, _ in arrays]
    rlsel.select(
        *arrays,
        seed=SEED,
        algorithm=ALGORITHM,
        features=CELLS[key],
        selection={
            "methods": ["controller", "uniform"],
            "keep_fraction": min(0.5, NUM_KEPT / num_candidates),
        },
    )


def draws(cells: dict[str, Cell]) -> int:
    return 1


def summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Cell -> GiB that were held."""
    return {key: cell["held_gib"] for key, cell in cells.items()}


if __name__ == "__main__":
    main()
