"""Assign rows of Parquet files to splits: by folder, by file name, or by a column.

Official splits of a data set are kept: they are never merged and cut anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from rlsel.data.sources.part import WHOLE
from rlsel.data.sources.paths import relative_names
from rlsel.data.sources.split_names import require_splits, split_called, split_within
from rlsel.errors import InputError

COLUMNS = ("split", "splits", "dataset_split", "data_split", "subset", "partition", "set", "phase")
"""Names that a column of splits may have, in any case."""
REMEDY = (
    "call files or folders train, val and test, or name them one by one (data.source.train, val, "
    "test)"
)


class Rows(NamedTuple):
    """Some rows of one file."""

    file: Path
    rows: tuple[int, ...] | None
    """Row numbers; None means all."""


def split_column(schema: pa.Schema) -> str | None:
    """The column that may give the split of each row."""
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
    return next(
        (
            field.name
            for name in COLUMNS
            for field in schema
            if field.name.casefold() == name and any(kind(field.type) for kind in text)
        ),
        None,
    )


def by_split(
    files: tuple[Path, ...], read_column: Callable[[Path], pa.ChunkedArray | None]
) -> tuple[dict[str, tuple[Rows, ...]], tuple[str, ...]]:
    """The rows of each split, or all under `WHOLE` if nothing names more than one; and notes.

    Args:
        read_column: reads the column of a file that may give the split of its rows.

    Raises:
        InputError: some files belong to a split and others to none, or train is not among the
            splits.
    """
    of_file = _by_name(files)
    groups: dict[str, list[Rows]] = {}
    for file, named in zip(files, of_file, strict=True):
        for split, rows in _by_column(file, read_column(file), named).items():
            groups.setdefault(split, []).append(Rows(file, rows))
    splits = sorted(groups.keys() - {WHOLE})
    if not splits:
        return {WHOLE: _whole(files)}, ()
    if len(groups) == 1:
        note = f"all rows are of the split {splits[0]}; taken as one set"
        return {WHOLE: _whole(files)}, (note,) if len(files) > 1 or of_file == [None] else ()
    if WHOLE in groups:
        raise InputError(
            f"{groups[WHOLE][0].file}: is of no split by its name, but "
            f"{groups[splits[0]][0].file} is of {splits[0]}; {REMEDY}"
        )
    require_splits(splits, str(files[0].parent), ", ".join(splits), REMEDY)
    return {split: tuple(rows) for split, rows in groups.items()}, ()


def _whole(files: tuple[Path, ...]) -> tuple[Rows, ...]:
    return tuple(Rows(file, None) for file in files)


def _by_name(files: tuple[Path, ...]) -> list[str | None]:
    """The split of each file by folder (train, split=train) or file name; None for one file."""
    if len(files) == 1:  # the user chose this file, whatever its name says
        return [None]
    return [_of_path(file, name) for file, name in zip(files, relative_names(files), strict=True)]


def _of_path(file: Path, name: str) -> str | None:
    *folders, own = name.removesuffix(".parquet").split("/")
    said = {split_called(folder.removesuffix(".parquet")) for folder in folders} - {None}
    said |= {split_within(own)} - {None}
    if len(said) > 1:
        raise InputError(
            f"{file}: its path names the splits {' and '.join(sorted(map(str, said)))}"
        )
    return said.pop() if said else None


def _by_column(
    file: Path, column: pa.ChunkedArray | None, named: str | None
) -> dict[str, tuple[int, ...] | None]:
    """{split: rows} by the column, or all rows under the split of the path."""
    said = None if column is None else _said(file, column)
    if said is None:
        return {named or WHOLE: None}
    if named and set(said.tolist()) != {named}:
        raise InputError(f"{file}: is of {named} by its path, but a column says otherwise")
    found = np.unique(said).tolist()
    if len(found) == 1:
        return {found[0]: None}
    return {split: tuple(np.flatnonzero(said == split).tolist()) for split in found}


def _said(file: Path, column: pa.ChunkedArray) -> np.ndarray | None:
    """(n,) splits; None if no value of the column names a split."""
    values = column.to_pylist()
    split_of = {value: split_called(str(value)) for value in set(values)}
    known = [value for value, split in split_of.items() if split]
    if not known:
        return None
    if unknown := [value for value, split in split_of.items() if not split]:
        raise InputError(
            f"{file}: its column of splits holds {unknown[0]!r} beside {known[0]!r}; only train, "
            "val and test are known"
        )
    return np.array([split_of[value] for value in values])
