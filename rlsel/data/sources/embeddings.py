"""Embeddings that were computed elsewhere: Parquet with a column of vectors, or NPZ.

Shape letters: N embeddings, F width of each.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.sources.embeddings_npz import VECTORS, parts_in, read_arrays
from rlsel.data.sources.parquet import ParquetSource, open_parquet, read_rows, readable, row_groups
from rlsel.data.sources.parquet_splits import Rows
from rlsel.data.sources.part import WHOLE, Listing
from rlsel.data.sources.paths import (
    existing,
    expand,
    given_splits,
    matching_files,
    require_path_or_splits,
)
from rlsel.data.sources.vector_column import NOUN, only_vectors, read_vectors, usable
from rlsel.errors import InputError
from rlsel.schema import PathText, config

OF_PARQUET = ("vector_column", "label_column", "id_column", "patient_column")
"""Settings that name columns, which an NPZ file does not have."""


@config
class EmbeddingsSource:
    """Vectors in place of images, such as those of a pathology foundation model."""

    name: Literal["embeddings"] = "embeddings"
    path: PathText | None = None
    """An NPZ file, or a Parquet file, a glob or a folder. Splits are found as in a Parquet file of
    images, or by the arrays train_embeddings, train_labels, val_embeddings, ... of an NPZ file.
    An NPZ file with the arrays embeddings and labels is one set, split by ratio. It may hold ids
    and patients too (train_ids, train_patients, ...)."""
    train: PathText | None = None
    """A Parquet file, glob or folder of training, if the splits are given one by one."""
    val: PathText | None = None
    """The same for validation. If left out, validation is cut from train."""
    test: PathText | None = None
    """The same for test. If left out while val is given, test is cut from train."""
    vector_column: str | None = None
    """The column of vectors: lists or fixed-size lists of numbers. None takes the only one."""
    label_column: str = "label"
    """Class numbers or class names."""
    id_column: str | None = None
    """The id of each sample. None takes the column `id` if there is one, else file and row."""
    patient_column: str | None = None
    """The patient of each sample; a split never divides a patient. None: unknown."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ...; None reads them from the Hugging Face metadata."""

    def __post_init__(self) -> None:
        require_path_or_splits(self.path, self.train, self.val, self.test)

    @property
    def is_npz(self) -> bool:
        return self.path is not None and expand(self.path).suffix.lower() == ".npz"


Read = Iterator[tuple[str, tuple[Listing, Float32[np.ndarray, "n f"]]]]
"""Each split, or `WHOLE`, with what its file tells and its vectors."""


def read_embeddings(
    source: EmbeddingsSource, some_classes: bool = False
) -> tuple[dict[str, EmbeddingSet], tuple[str, ...]]:
    """The splits of a source, or all of it under `WHOLE`; and notes for the user.

    Args:
        some_classes: Also accept a source with one class only, or with classes without samples.

    Raises:
        InputError: something is missing, cannot be read, is no number, or differs in width.
    """
    read = _read_npz(source) if source.is_npz else _read_parquet(source)
    parts: dict[str, EmbeddingSet] = {}
    notes: list[str] = []
    for split, (listing, vectors_NF) in read:
        if listing.lacking and not some_classes:
            raise InputError(listing.lacking)
        parts[split] = EmbeddingSet(
            vectors_NF,
            listing.labels,
            listing.class_names,
            np.array(listing.names),
            listing.patients,
        )
        notes += [f"{split}: {note}" if split != WHOLE else note for note in listing.notes]
    _require_one_width(parts, source)
    return _with_distinct_ids(parts, source), tuple(notes)


def other_columns(source: EmbeddingsSource) -> tuple[str, ...]:
    """Columns of the first Parquet file beside vectors, labels and ids; empty for NPZ."""
    if source.is_npz:
        return ()
    file = matching_files(source.path or source.train or "", (".parquet",))[0]
    known = (source.vector_column, source.label_column, source.id_column)
    return tuple(name for name in open_parquet(file).schema_arrow.names if name not in known)


def _read_npz(source: EmbeddingsSource) -> Read:
    path, usual = existing(source.path or ""), EmbeddingsSource(path=source.path)
    for setting in OF_PARQUET:
        if getattr(source, setting) != getattr(usual, setting):
            raise InputError(
                f"{path}: {setting} is {getattr(source, setting)!r}, but an NPZ file has no "
                "columns: leave it out, and name the arrays embeddings, labels, ids and patients"
            )
    parts, notes = parts_in(path)
    for split, arrays in parts.items():
        listing, values_NF = read_arrays(path, split, arrays, source.class_names)
        vectors_NF = usable(values_NF, f"{path}, {arrays[VECTORS]}")
        yield split, (replace(listing, notes=notes), vectors_NF)
        notes = ()


def _read_parquet(source: EmbeddingsSource) -> Read:
    for text in given_splits(source.path or source.train, source.val, source.test).values():
        _require_parquet(expand(text))
    plain = ParquetSource(
        path=source.path,
        train=source.train,
        val=source.val,
        test=source.test,
        image_column="",
        label_column=source.label_column,
        patient_column=source.patient_column,
        class_names=source.class_names,
    )
    groups, notes = row_groups(plain)
    for split, group in groups.items():
        column = source.vector_column or only_vectors(group[0].file)
        listing = read_rows(
            tuple(group), replace(plain, image_column=column), "vector_column", NOUN
        )
        vectors_NF = read_vectors(group, column)
        id_column = source.id_column or _column_of_ids(tuple(rows.file for rows in group))
        ids = [id_ for rows in group for id_ in _ids(rows, id_column)]
        told = notes if split in (WHOLE, "train") else ()
        yield (
            split,
            (replace(listing, names=tuple(ids) or listing.names, notes=told), vectors_NF),
        )


def _require_parquet(path: Path) -> None:
    """Refuse files of NumPy, before Arrow finds that they are no Parquet.

    Raises:
        InputError: it is such a file; the message says how to give its embeddings.
    """
    if path.suffix.lower() == ".npy":
        raise InputError(
            f"{path}: is a single array, without labels; save both in one file, with "
            "np.savez(file, embeddings=..., labels=...), and give that as path"
        )
    if path.suffix.lower() == ".npz":
        raise InputError(
            f"{path}: train, val and test name Parquet files; give an NPZ file as path, with the "
            "arrays train_embeddings, train_labels, test_embeddings, ..."
        )


def _column_of_ids(files: tuple[Path, ...]) -> str | None:
    """The column `id`, if the files have it.

    Raises:
        InputError: only some of them have it.
    """
    lacking_it = [file for file in files if "id" not in open_parquet(file).schema_arrow.names]
    if not lacking_it:
        return "id"
    if with_it := [file for file in files if file not in lacking_it]:
        raise InputError(
            f"{lacking_it[0]}: has no column 'id', and {with_it[0]} has one; give it to all files, "
            "or drop it"
        )
    return None


def _ids(rows: Rows, column: str | None) -> list[str]:
    if column is None:
        return []
    names = open_parquet(rows.file).schema_arrow.names
    if column not in names:
        raise InputError(f"{rows.file}: no column {column!r}; the columns are {', '.join(names)}")
    with readable(rows.file):
        values = open_parquet(rows.file).read(columns=[column])[column].to_pylist()
    if None in values:
        raise InputError(f"{rows.file}, row {values.index(None)}: column {column!r} is empty there")
    chosen = values if rows.rows is None else [values[row] for row in rows.rows]
    return [str(value) for value in chosen]


def _require_one_width(parts: dict[str, EmbeddingSet], source: EmbeddingsSource) -> None:
    widths = {split: part.vectors.shape[1] for split, part in parts.items()}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{split} {width}" for split, width in widths.items())
        raise InputError(
            f"{source.path or source.train}: embeddings differ in width ({listed}); take those of "
            "one model"
        )


def _with_distinct_ids(
    parts: dict[str, EmbeddingSet], source: EmbeddingsSource
) -> dict[str, EmbeddingSet]:
    """Make ids unique over all splits. If they are not so already, the split's name is prefixed."""
    ids = np.concatenate([part.ids for part in parts.values()])
    if len(np.unique(ids)) == len(ids):
        return parts
    for part in parts.values():
        within, repeats = np.unique(part.ids, return_counts=True)
        if repeats.max() > 1:
            raise InputError(
                f"{source.path or source.train}: the id {str(within[repeats.argmax()])!r} stands "
                f"there {repeats.max()} times; give each sample its own"
            )
    return {
        split: replace(part, ids=np.char.add(f"{split}/", part.ids.astype(str)))
        for split, part in parts.items()
    }
