"""Parquet files in the Hugging Face image convention: `image` struct(bytes, path) and `label`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsel.data.sources.hugging_face import class_names_in
from rlsel.data.sources.labels import class_indices, lacking, patient_names
from rlsel.data.sources.parquet_splits import Rows, by_split, split_column
from rlsel.data.sources.part import WHOLE, Listing, Part, Payload
from rlsel.data.sources.paths import (
    given_splits,
    match,
    matching_files,
    relative_names,
    require_path_or_splits,
    shown,
)
from rlsel.errors import InputError
from rlsel.schema import PathText, config

ROWS_AT_ONCE = 512
SUFFIXES = (".parquet",)


@config
class ParquetSource:
    """Images in Parquet files, as Hugging Face datasets and the pools of `rlsel` keep them."""

    name: Literal["parquet"] = "parquet"
    path: PathText | None = None
    """A file, a glob, or a folder. If folders (train/, split=train/), file names (train-0) or a
    column split name train and test, val or both, those are the splits. Anything else is one set,
    split by ratio."""
    train: PathText | None = None
    """A file, glob or folder with the training images, if the splits are given one by one."""
    val: PathText | None = None
    """The same for validation. If left out, validation is cut from train."""
    test: PathText | None = None
    """The same for test. If left out while val is given, test is cut from train."""
    image_column: str = "image"
    """The column of encoded images: struct(bytes, path) or plain bytes. A path without bytes is not
    followed."""
    label_column: str = "label"
    """Class numbers or class names."""
    patient_column: str | None = None
    """The patient of each image; a split never divides a patient. None: unknown."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ...; None reads them from the Hugging Face metadata."""

    def __post_init__(self) -> None:
        require_path_or_splits(self.path, self.train, self.val, self.test)


def parquet_parts(source: ParquetSource) -> dict[str, Part]:
    """The splits of a Parquet source, or all of it as one part.

    Raises:
        InputError: a file is missing, or belongs to no split while others do.
    """
    groups, notes = row_groups(source)
    return {
        split: Part(
            files=tuple(rows.file for rows in group),
            settings=repr(
                ("parquet", [r.rows for r in group], _columns(source), source.class_names)
            ),
            read=partial(_read, tuple(group), source),
            notes=notes if split in (WHOLE, "train") else (),
        )
        for split, group in groups.items()
    }


def row_groups(source: ParquetSource) -> tuple[dict[str, Sequence[Rows]], tuple[str, ...]]:
    """The rows of each split, or all rows under `WHOLE`; and notes.

    Raises:
        InputError: a file is missing, or belongs to no split while others do.
    """
    if source.path is None:
        named = given_splits(source.train, source.val, source.test)
        found = {split: match(text, SUFFIXES) for split, text in named.items()}
        rows: dict[str, Sequence[Rows]] = {
            split: [Rows(Path(file), None) for file in one.files] for split, one in found.items()
        }
        return rows, tuple(note for one in found.values() for note in one.notes("Parquet"))
    whole = match(source.path, SUFFIXES)
    groups, said = by_split(tuple(map(Path, whole.files)), _split_column)
    return {**groups}, (*said, *whole.notes("Parquet"))


def _columns(source: ParquetSource) -> tuple[str | None, ...]:
    return source.image_column, source.label_column, source.patient_column


def columns_of(source: ParquetSource) -> tuple[str, ...]:
    """The columns of the first file that are neither images nor labels."""
    file = matching_files(source.path or source.train or "", SUFFIXES)[0]
    names = open_parquet(file).schema_arrow.names
    return tuple(name for name in names if name not in _columns(source))


def _split_column(file: Path) -> pa.ChunkedArray | None:
    parquet = open_parquet(file)
    name = split_column(parquet.schema_arrow)
    if name is None:
        return None
    with readable(file):
        return parquet.read(columns=[name])[name]


def _read(group: tuple[Rows, ...], source: ParquetSource) -> Listing:
    return read_rows(group, source, "image_column", "image")


def read_rows(group: tuple[Rows, ...], source: ParquetSource, setting: str, noun: str) -> Listing:
    """Names, labels and patients of some rows, and an iterator over the images.

    Args:
        setting: The setting that names the column of content, for messages.
        noun: The word for one sample in messages.

    Raises:
        InputError: a column is missing or of a wrong type.
    """
    files = tuple(rows.file for rows in group)
    whole = {rows.file: _label_table(rows.file, source, setting) for rows in group}
    chosen = {
        rows.file: list(range(whole[rows.file].num_rows) if rows.rows is None else rows.rows)
        for rows in group
    }
    tables = {file: table.take(pa.array(chosen[file], pa.int64())) for file, table in whole.items()}
    places = [(file, row) for file in files for row in chosen[file]]

    def where(index: int) -> str:
        return "{}, row {}".format(*places[index]) if places else str(files[0])

    def column(name: str) -> np.ndarray:
        return np.concatenate(
            [_values(table, name, file, chosen[file]) for file, table in tables.items()]
        )

    labels, class_names = class_indices(
        column(source.label_column),
        source.class_names or _class_names(tables, source.label_column),
        where,
        noun,
    )
    return Listing(
        names=_names(files, chosen.values()),
        labels=labels,
        class_names=class_names,
        payloads=partial(_payloads, group, source.image_column),
        patients=patient_names(column(source.patient_column), where)
        if source.patient_column
        else None,
        lacking=lacking(labels, class_names, where, noun),
    )


def _class_names(tables: dict[Path, pa.Table], label_column: str) -> tuple[str, ...] | None:
    """The class names in the metadata, which all files must share."""
    found = {file: class_names_in(table.schema, label_column) for file, table in tables.items()}
    first_file, first = next(iter(found.items()))
    for file, names in found.items():
        if names != first:
            raise InputError(f"{file}: calls the classes {names}, but {first_file} {first}")
    return first


def row_names(files: tuple[Path, ...], num_rows: list[int]) -> tuple[str, ...]:
    """The name of each row of all files: train-0:17 is row 17 of train-0.parquet."""
    return _names(files, map(range, num_rows))


def _names(files: tuple[Path, ...], rows: Iterable[Iterable[int]]) -> tuple[str, ...]:
    stems = (name.removesuffix(".parquet") for name in relative_names(files))
    return tuple(f"{stem}:{row}" for stem, of in zip(stems, rows, strict=True) for row in of)


def _label_table(file: Path, source: ParquetSource, setting: str) -> pa.Table:
    """The columns of labels and patients."""
    parquet = open_parquet(file)
    wanted = [source.image_column, source.label_column]
    wanted += [source.patient_column] if source.patient_column else []
    have = parquet.schema_arrow.names
    if absent := [name for name in wanted if name not in have]:
        raise InputError(
            f"{file}: no column {' or '.join(map(repr, absent))}; the columns are "
            f"{', '.join(have)} (set {setting}, label_column or patient_column)"
        )
    if twice := [name for name in wanted if have.count(name) > 1]:
        raise InputError(f"{file}: there are two columns {twice[0]!r}; rename or drop one")
    with readable(file):
        table = parquet.read(columns=wanted[1:])
        return table.cast(pa.schema(map(_as_arrow_takes_it, table.schema), table.schema.metadata))


def _as_arrow_takes_it(field: pa.Field) -> pa.Field:
    # Arrow can read string views but cannot take rows of them, so they are read as plain strings.
    return field.with_type(pa.large_string()) if pa.types.is_string_view(field.type) else field


def _values(table: pa.Table, name: str, file: Path, rows: list[int]) -> np.ndarray:
    values = table[name]
    if not is_plain(values.type):
        raise InputError(
            f"{file}: column {name!r} is of type {values.type}; one number or name for each image "
            "is needed"
        )
    if values.null_count:
        row = rows[values.is_null().to_pylist().index(True)]
        raise InputError(f"{file}, row {row}: column {name!r} is empty there; fill it or drop it")
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.to_numpy()


def is_plain(kind: pa.DataType) -> bool:
    """Whether each value is one number or text."""
    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return text or number or pa.types.is_string_view(kind) or pa.types.is_decimal(kind)


def open_parquet(file: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        InputError: the file is of another kind, is truncated, or may not be read.
    """
    with readable(file):
        return pq.ParquetFile(file)


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn errors while reading `file` into an InputError that names it."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read as Parquet ({reason})") from error


def _payloads(group: tuple[Rows, ...], image_column: str) -> Iterator[Payload]:
    for file, rows in group:
        chosen = None if rows is None else frozenset(rows)
        for row, value in enumerate(_cells(file, image_column)):
            if chosen is None or row in chosen:
                content = value.get("bytes") if isinstance(value, dict) else value
                data = content if isinstance(content, bytes) else None
                yield Payload(f"{shown(file)}, row {row}", data)


def _cells(file: Path, column: str) -> Iterator[Any]:
    with readable(file):
        for batch in open_parquet(file).iter_batches(ROWS_AT_ONCE, columns=[column]):
            yield from batch.column(0).to_pylist()
