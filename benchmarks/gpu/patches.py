"""The patches of PCam that the paper uses, in files small enough to carry to another machine.

    cd benchmarks && python -m gpu.patches SOURCE TARGET

Ye et al. 2020 train on 3% of PCam's training patches: 3,931 without and 2,757 with tumour. Which
ones they drew is not published, so ours are a draw of our own.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.errors import InputError
from rlsel.machine.atomic_files import replacing
from rlsel.seeding import rng

SEED = 0
NUM_BY_LABEL = {0: 3931, 1: 2757}
ROWS_PER_GROUP = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="folder with PCam as Parquet files")
    parser.add_argument("target", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    try:
        write_paper_patches(arguments.source, arguments.target)
    except InputError as error:
        raise SystemExit(str(error)) from error


def write_paper_patches(source: Path, target: Path) -> None:
    """Write train, valid and test to `target`, one Parquet file each.

    Train is the same draw every time, shuffled; a train of exactly the paper's counts is taken as
    it is. Valid and test are taken whole, in their order. Images are the bytes that they were.

    Args:
        source: holds train-*.parquet, valid-*.parquet and test-*.parquet.

    Raises:
        SystemExit: `source` lacks a file or has too few patches of a label.
        InputError: `target` cannot be written to.
    """
    files = {split: _files(source, split) for split in ("train", "valid", "test")}
    _write(_draw(source, files["train"]), target, "train")
    for split in ("valid", "test"):
        _write(pa.concat_tables(map(_read, files[split])), target, split)


def _files(source: Path, split: str) -> list[Path]:
    found = sorted(source.glob(f"{split}-*.parquet"))
    if not found:
        raise SystemExit(f"{source}: has no {split}-*.parquet")
    return found


def _draw(source: Path, files: list[Path]) -> pa.Table:
    labels_N = np.concatenate([_read(file, ["label"])["label"].to_numpy() for file in files])
    having = {label: int((labels_N == label).sum()) for label in NUM_BY_LABEL}
    for label, wanted in NUM_BY_LABEL.items():
        if having[label] < wanted:
            raise SystemExit(
                f"{source}: train-*.parquet holds {having[label]} patches of label {label}; "
                f"the paper's draw takes {wanted}"
            )
    if having == NUM_BY_LABEL and len(labels_N) == sum(NUM_BY_LABEL.values()):
        return pa.concat_tables(map(_read, files))
    random = rng(SEED, "paper patches")
    chosen = np.concatenate(
        [
            random.choice(np.flatnonzero(labels_N == label), wanted, replace=False)
            for label, wanted in NUM_BY_LABEL.items()
        ]
    )
    return _take(files, np.sort(chosen)).take(random.permutation(len(chosen)))


def _take(files: list[Path], rows: np.ndarray) -> pa.Table:
    """These rows, counted over all files; one whole file is in memory at a time."""
    taken, first = [], 0
    for file in files:
        table = _read(file)
        inside = rows[(rows >= first) & (rows < first + len(table))] - first
        taken.append(table.take(inside))
        first += len(table)
    return pa.concat_tables(taken)


def _read(file: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        table = pq.ParquetFile(file).read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(f"{file}: cannot be read as Parquet ({reason})") from error
    if absent := [name for name in columns or ["image", "label"] if name not in table.column_names]:
        raise SystemExit(f"{file}: has no column {' or '.join(absent)}")
    return table


def _write(table: pa.Table, target: Path, split: str) -> None:
    with replacing(target / f"{split}-00000-of-00001.parquet") as temporary:
        # A dictionary helps where values repeat; JPEG bytes do not.
        pq.write_table(
            table,
            temporary,
            row_group_size=ROWS_PER_GROUP,
            use_dictionary=False,
            compression="zstd",
        )


if __name__ == "__main__":
    main()
