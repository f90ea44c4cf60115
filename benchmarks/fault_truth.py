"""What each kind of fault does to a classifier: wrong label, blur, stain shift, noise, duplicates.

    python benchmarks/fault_truth.py train [--processes 2]  # hours of training; kept in the record
    python benchmarks/fault_truth.py progress               # verdicts of the seeds done so far
    python benchmarks/fault_truth.py pictures               # docs/images/fault_kinds.png

ResNet34 on 100 or 500 real PCam patches and three doses of one kind, beside as many good ones, the
real ones once more, and nothing added; 5 seeds. Needs shared/data/pcam; RLSEL_SHARED says where
`shared` is. Every finished training is written at once, and a second start goes on from there.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from phantom_contact_sheets import contact_sheet, save
from planted_truth.fault_cells import NUM_SEEDS, all_cells, train, what_is_measured
from planted_truth.fault_section import fault_section
from planted_truth.fault_summary import finished_seeds, summarise, summarise_seeds
from planted_truth.faults import KINDS
from recording import CellRecord, read_record

from rlsel.data.phantom import PhantomSource, draw_splits
from rlsel.machine.progress import console

RECORD = Path(__file__).parent / "records" / "fault_truth.json"
NUM_SHOWN = 14


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("train", "progress", "pictures"))
    parser.add_argument("--processes", type=int, default=2, help="trainings at a time")
    arguments = parser.parse_args()
    if arguments.part == "train":
        record = CellRecord(RECORD, what_is_measured(), summarise, n=NUM_SEEDS)
        work = {cell.key: partial(train, cell) for cell in all_cells()}
        record.fill_in_processes("trainings", work, arguments.processes)
        record.write()
    elif arguments.part == "progress":
        show_progress()
    else:
        draw_pictures()


def show_progress() -> None:
    """How far it is, and the page that the finished seeds would make."""
    record = read_record(RECORD)
    cells, seeds = record["cells"], finished_seeds(record["cells"])
    console.print(f"{len(cells)} of {len(list(all_cells()))} trainings; seeds done: {seeds}")
    if len(seeds) > 1:
        partly = record | {"summary": summarise_seeds(cells, seeds), "n": len(seeds)}
        console.print(fault_section(partly, RECORD.stem), markup=False)


def draw_pictures() -> None:
    """The kinds made of phantom images: no real image may be shown."""
    train_set = draw_splits(PhantomSource(), np.random.default_rng(0))["train"]
    fresh, real = (train_set.take(np.arange(first, first + 40)) for first in (0, 40))
    few = fresh.take(np.resize(np.arange(5), len(fresh)))
    images = {
        kind.replace("_", " "): make(
            few if kind == "near_duplicate" else fresh, real, np.random.default_rng(1)
        ).images_NHW3
        for kind, make in KINDS.items()
        if kind not in ("real_again", "wrong_label")  # which look like good ones
    }
    save(contact_sheet(images, num_rows=1), "fault_kinds.png")


if __name__ == "__main__":
    main()
