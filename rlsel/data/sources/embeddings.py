"""Embeddings that were computed elsewhere: Parquet with a column of vectors, or NPZ.

Shape letters: N embeddings, F width of each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.sources.labels import class_indices, lacking, patient_names
from rlsel.data.sources.npz import array_names, one_label_each, read_array
from rlsel.data.sources.parquet import ParquetSource, open_parquet, read_rows, readable, row_groups
from rlsel.data.sources.parquet_splits import Rows
from rlsel.data.sources.part import WHOLE, Listing
from rlsel.data.sources.paths import (
    existing,
    expand,
    matching_files,
    require_path_or_splits,
)
from rlsel.data.vectors import find_unusable
from rlsel.errors import InputError
from rlsel.schema import PathText, config

ROWS_AT_ONCE = 4096
NOUN = EmbeddingSet.noun
ARRAYS = ("embeddings", "features", "vectors")
"""Names that the array of vectors in an NPZ file may have."""
PREFIXES = {"train": "train_", "val": "val_", "test": "test_", WHOLE: ""}


@config
class EmbeddingsSource:
    """Vectors in place of images, such as those of a pathology foundation model."""

    name: Literal["embeddings"] = "embeddings"
    path: PathText | None = None
    """An NPZ file, or a Parquet file, a glob or a folder. Splits are found as in a Parquet file of
    images, or by the arrays train_embeddings, train_labels, val_embeddings, ... of an NPZ file.
    An NPZ file with the arrays embeddings and labels is one set, split by ratio."""
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
        return self.path is not None and expand(self.path).suffix == ".npz"


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


def _read_parquet(
    source: EmbeddingsSource,
) -> Iterator[tuple[str, tuple[Listing, Float32[np.ndarray, "n f"]]]]:
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
        vectors_NF = np.concatenate([_vectors(rows, column) for rows in group])
        ids = [id_ for rows in group for id_ in _ids(rows, source.id_column)]
        told = notes if split in (WHOLE, "train") else ()
        yield (
            split,
            (replace(listing, names=tuple(ids) or listing.names, notes=told), vectors_NF),
        )


def only_vectors(file: Path) -> str:
    """The one column that holds vectors.

    Raises:
        InputError: there is none, or several.
    """
    schema = open_parquet(file).schema_arrow
    found = [field.name for field in schema if is_vector(field.type)]
    if len(found) == 1:
        return found[0]
    said = f"columns of vectors are {', '.join(found)}" if found else "no column holds vectors"
    raise InputError(
        f"{file}: {said} (columns: {', '.join(schema.names)}); set vector_column to a column of "
        "lists of numbers"
    )


def is_vector(kind: pa.DataType) -> bool:
    """Whether each value of a column is a list of numbers."""
    if isinstance(kind, pa.BaseExtensionType):
        return is_vector(kind.storage_type)
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not (is_list or pa.types.is_fixed_size_list(kind)):
        return False
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)


def _vectors(rows: Rows, column: str) -> Float32[np.ndarray, "n f"]:
    kind = open_parquet(rows.file).schema_arrow.field(column).type
    if not is_vector(kind):
        raise InputError(
            f"{rows.file}: column {column!r} is of type {kind}; lists of numbers are needed"
        )
    blocks, start = [], 0
    with readable(rows.file):
        for batch in open_parquet(rows.file).iter_batches(ROWS_AT_ONCE, columns=[column]):
            blocks.append(_block(batch.column(0), f"{rows.file}, row", start))
            start += len(batch)
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1:
        raise InputError(
            f"{rows.file}: embeddings have {_listed(widths)} numbers; give all as many"
        )
    vectors_NF = np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)
    return vectors_NF if rows.rows is None else vectors_NF[list(rows.rows)]


def _block(array: pa.Array, where: str, start: int) -> Float32[np.ndarray, "n f"]:
    """Some rows of a column. `start` is the number of the first row, for messages."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if array.null_count:
        row = start + array.is_null().to_pylist().index(True)
        raise InputError(f"{where} {row}: has no embedding; leave that row out")
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
    else:
        lengths = array.value_lengths().to_numpy()
        if len(set(lengths.tolist())) > 1:
            raise InputError(
                f"{where} {start + int((lengths != lengths[0]).argmax())}: the embedding has "
                f"another width than the one before; widths are {_listed(set(lengths.tolist()))}"
            )
        width = int(lengths[0])
    values = array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), width)
    return _usable(values, where, start)


def _usable(values_NF: np.ndarray, where: str, start: int = 0) -> Float32[np.ndarray, "n f"]:
    if unusable := find_unusable(values_NF):
        raise InputError(
            f"{where} {start + int(unusable.rows[0])}: the embedding holds {unusable.said}; mend "
            "that row or leave it out"
        )
    return values_NF.astype(np.float32)


def _ids(rows: Rows, column: str | None) -> list[str]:
    names = open_parquet(rows.file).schema_arrow.names
    column = column or ("id" if "id" in names else None)
    if column is None:
        return []
    if column not in names:
        raise InputError(f"{rows.file}: no column {column!r}; the columns are {', '.join(names)}")
    with readable(rows.file):
        values = open_parquet(rows.file).read(columns=[column])[column].to_pylist()
    if None in values:
        raise InputError(f"{rows.file}, row {values.index(None)}: column {column!r} is empty there")
    chosen = values if rows.rows is None else [values[row] for row in rows.rows]
    return [str(value) for value in chosen]


def _read_npz(
    source: EmbeddingsSource,
) -> Iterator[tuple[str, tuple[Listing, Float32[np.ndarray, "n f"]]]]:
    path = existing(source.path or "")
    keys = array_names(path)
    found = {
        split: next((prefix + name for name in ARRAYS if prefix + name in keys), None)
        for split, prefix in PREFIXES.items()
    }
    splits = [WHOLE] if found[WHOLE] else [s for s in ("train", "val", "test") if found[s]]
    if not splits or (splits != [WHOLE] and "train" not in splits):
        raise InputError(
            f"{path}: no array train_embeddings or embeddings; it holds {', '.join(keys)}"
        )
    for split in splits:
        yield split, _read_arrays(path, PREFIXES[split], str(found[split]), keys, source)


def _read_arrays(
    path: Path, prefix: str, array: str, keys: list[str], source: EmbeddingsSource
) -> tuple[Listing, Float32[np.ndarray, "n f"]]:
    values = read_array(path, array)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: {array} is {values.dtype} of shape {values.shape}; numbers of shape (n, "
            "width) are needed"
        )
    if f"{prefix}labels" not in keys:
        raise InputError(f"{path}: no array {prefix}labels; it holds {', '.join(keys)}")
    labels = one_label_each(read_array(path, f"{prefix}labels"), f"{path}: {prefix}labels")
    others = {
        what: read_array(path, f"{prefix}{what}").ravel()
        for what in ("ids", "patients")
        if f"{prefix}{what}" in keys
    }
    for what, column in {"labels": labels, **others}.items():
        if len(column) != len(values):
            raise InputError(f"{path}: {len(values):,} {array} but {len(column):,} {what}")

    def where(index: int) -> str:
        return f"{path}, {array}[{index}]"

    indices, names = class_indices(labels, source.class_names, where, NOUN)
    listing = Listing(
        names=tuple(str(id_) for id_ in others.get("ids", range(len(values)))),
        labels=indices,
        class_names=names,
        payloads=lambda: iter(()),
        patients=patient_names(others["patients"], where) if "patients" in others else None,
        lacking=lacking(indices, names, where, NOUN),
    )
    return listing, _usable(values, f"{path}, {array}")


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


def _listed(widths: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(widths)))
