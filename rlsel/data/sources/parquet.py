"""Parquet files in the Hugging Face image convention: `image` struct(bytes, path) and `label`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.data.sources.hugging_face import class_names_in
from rlsel.data.sources.labels import class_indices
from rlsel.data.sources.part import WHOLE, Listing, Part, Payload
from rlsel.data.sources.paths import (
    expand,
    given_splits,
    matching_files,
    relative_names,
    require_path_or_splits,
)
from rlsel.errors import InputError
from rlsel.schema import config

ROWS_AT_ONCE = 512
SPLIT_IN_NAME = re.compile(r"(train|validation|valid|val|test)([-_.]|$)")


@config
class ParquetSource:
    """Images in Parquet files, as Hugging Face datasets and the pools of `rlsel` keep them."""

    name: Literal["parquet"] = "parquet"
    path: str | None = None
    """A file, a glob, or a folder. A folder whose files are called train-..., valid-... or val-...,
    and test-... gives those splits; anything else is one set, split by ratio."""
    train: str | None = None
    """A file, glob or folder with the training images, where the splits are given one by one."""
    val: str | None = None
    """The same for validation. Left out, it is cut from train."""
    test: str | None = None
    """The same for test."""
    image_column: str = "image"
    """Encoded images: struct(bytes, path) or plain bytes; a path alone is not followed."""
    label_column: str = "label"
    """Class numbers or class names."""
    patient_column: str | None = None
    """Who the image comes from; a split never divides a patient. None: unknown."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ...; None reads them from the Hugging Face metadata."""

    def __post_init__(self) -> None:
        require_path_or_splits(self.path, self.train, self.val, self.test)


def parquet_parts(source: ParquetSource) -> dict[str, Part]:
    """The splits of a Parquet source, or the whole of it.

    Raises:
        InputError: a file is missing.
    """
    if source.path is None:
        named = given_splits(source.train, source.val, source.test)
        groups = {split: matching_files(text, (".parquet",)) for split, text in named.items()}
    else:
        groups = _by_name(source.path)
    columns = (source.image_column, source.label_column, source.patient_column)
    settings = repr(("parquet", columns, source.class_names))
    return {
        split: Part(files=files, settings=settings, read=partial(_read, files, source))
        for split, files in groups.items()
    }


def _by_name(text: str) -> dict[str, tuple[Path, ...]]:
    """The files of a folder as splits, where all their names say so."""
    files = matching_files(text, (".parquet",))
    groups: dict[str, tuple[Path, ...]] = {}
    for file in files:
        found = SPLIT_IN_NAME.match(file.name)
        split = found.group(1) if found else ""
        split = "val" if split.startswith("val") else split
        groups[split] = (*groups.get(split, ()), file)
    named = {"train", "test"} <= groups.keys() and "" not in groups
    return groups if named and expand(text).is_dir() else {WHOLE: files}


def _read(files: tuple[Path, ...], source: ParquetSource) -> Listing:
    tables = {file: _label_table(file, source) for file in files}
    rows = [(file, row) for file, table in tables.items() for row in range(table.num_rows)]

    def column(name: str) -> np.ndarray:
        return np.concatenate([_values(table, name, file) for file, table in tables.items()])

    labels, class_names = class_indices(
        column(source.label_column),
        source.class_names or _class_names(tables, source.label_column),
        where=lambda i: "{}, row {}".format(*rows[i]) if rows else str(files[0]),
    )
    return Listing(
        names=row_names(files, [table.num_rows for table in tables.values()]),
        labels=labels,
        class_names=class_names,
        payloads=partial(_payloads, files, source.image_column),
        patients=column(source.patient_column).astype(str) if source.patient_column else None,
    )


def _class_names(tables: dict[Path, pa.Table], label_column: str) -> tuple[str, ...] | None:
    """What the metadata call the classes, if they agree."""
    found = {file: class_names_in(table.schema, label_column) for file, table in tables.items()}
    first_file, first = next(iter(found.items()))
    for file, names in found.items():
        if names != first:
            raise InputError(f"{file}: calls the classes {names}, but {first_file} {first}")
    return first


def row_names(files: tuple[Path, ...], num_rows: list[int]) -> tuple[str, ...]:
    """What each row is called, over all files: train-0:17 is row 17 of train-0.parquet."""
    stems = [name.removesuffix(".parquet") for name in relative_names(files)]
    counted = zip(stems, num_rows, strict=True)
    return tuple(f"{stem}:{row}" for stem, count in counted for row in range(count))


def _label_table(file: Path, source: ParquetSource) -> pa.Table:
    """The columns that are not images."""
    parquet = open_parquet(file)
    wanted = [source.image_column, source.label_column]
    wanted += [source.patient_column] if source.patient_column else []
    have = parquet.schema_arrow.names
    if absent := [name for name in wanted if name not in have]:
        raise InputError(
            f"{file}: no column {' or '.join(map(repr, absent))}; the columns are "
            f"{', '.join(have)} (set image_column, label_column or patient_column)"
        )
    with _readable(file):
        return parquet.read(columns=wanted[1:])


def _values(table: pa.Table, name: str, file: Path) -> np.ndarray:
    values = table[name]
    if values.null_count:
        row = values.is_null().to_pylist().index(True)
        raise InputError(f"{file}, row {row}: column {name!r} is empty there; fill it or drop it")
    return values.to_numpy()


def open_parquet(file: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        InputError: it is something else, is cut off, or may not be read.
    """
    with _readable(file):
        return pq.ParquetFile(file)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read as Parquet ({reason})") from error


def _payloads(files: tuple[Path, ...], image_column: str) -> Iterator[Payload]:
    for file in files:
        for row, value in enumerate(_cells(file, image_column)):
            content = value.get("bytes") if isinstance(value, dict) else value
            yield Payload(f"{file}, row {row}", content if isinstance(content, bytes) else None)


def _cells(file: Path, column: str) -> Iterator[Any]:
    with _readable(file):
        for batch in open_parquet(file).iter_batches(ROWS_AT_ONCE, columns=[column]):
            yield from batch.column(0).to_pylist()
