"""Does a controller learn what is known to be true? Beds with planted faults, and controls.

    python benchmarks/planted_truth.py beds              # ceilings, free scores, peers, order
    python benchmarks/planted_truth.py learn [STUDY ...] # of benchmarks/planted_truth/cells.yaml
    python benchmarks/planted_truth.py select            # full training on what was selected

Rewards are probes on real PCam ($RLSEL_SHARED) and on the phantom. Every part has a record of its
own. Every finished cell is written at once, and a second start goes on from there; a cell whose
settings or defaults have changed is dropped and made again.
"""

import argparse
import os
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ray
from planted_truth.bed_cells import bed_cells, look_at_bed, look_at_order, order_cells
from planted_truth.learning import config_hash, learn
from planted_truth.planted_summary import summarise
from planted_truth.selection_cells import (
    learn_for_selection,
    learned_cells,
    selection_cells,
    train_selected,
)
from planted_truth.studies import DRAWS, cells_of, studies
from recording import CellRecord
from recording.processes import Work

from rlsel.machine.cluster import quieten
from rlsel.machine.progress import console

RECORDS = Path(__file__).parent / "records"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("beds", "learn", "select"))
    parser.add_argument("studies", nargs="*", help=f"of {', '.join(studies())}; all by default")
    parser.add_argument("--processes", type=int, default=2, help="cells at a time")
    arguments = parser.parse_args()
    path = RECORDS / f"planted_truth_{arguments.part}.json"
    record = CellRecord(path, {}, summarise, n=len(DRAWS))
    if arguments.part != "beds":
        quieten()
        # One Ray for all workers, who would otherwise start one each.
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    for name, work in _work(arguments.part, arguments.studies or list(studies())).items():
        record.fill_in_processes(name, work, arguments.processes)
    record.write()
    console.print(f"record: {path}", markup=False)


def _work(part: str, names: list[str]) -> dict[str, Work]:
    if part == "beds":
        return {
            "order": {key: partial(look_at_order, *cell) for key, cell in order_cells()},
            "beds": {key: partial(look_at_bed, *cell) for key, cell in bed_cells()},
        }
    if part == "select":
        return {
            "learn": {key: partial(learn_for_selection, *cell) for key, cell in learned_cells()},
            "train": {cell.key: partial(train_selected, cell) for cell in selection_cells()},
        }
    return {
        name: {
            f"{name} | {key} | {config_hash(cell)}": partial(learn, cell)
            for key, cell in cells_of(name)
        }
        for name in names
    }


if __name__ == "__main__":
    main()
