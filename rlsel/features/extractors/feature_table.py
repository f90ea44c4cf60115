"""Ids and features from Parquet or NPZ files; features are read only on request.

Shape letters: N rows, F size of a feature.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Shaped

from rlsel.data.sources.npz import require_memory_for_array
from rlsel.data.sources.parquet import open_parquet
from rlsel.data.sources.paths import matching_files
from rlsel.data.sources.vector_column import require_memory_for
from rlsel.errors import InputError
from rlsel.features.extractors.config import FileExtractor
from rlsel.machine.wording import counted, first_few

NUM_COPIES = 2
"""Features as the file has them, and in the order of the images."""


@dataclass(frozen=True)
class FeatureTable:
    """The contents of one or several files, not matched to images yet."""

    files: tuple[Path, ...]
    ids_N: np.ndarray
    """Strings."""
    parts_N: np.ndarray | None
    """Strings: the part of each row; None if the files do not have it."""
    part_column: str
    read_features: Callable[[], Shaped[np.ndarray, "n f"]]
    """Reads the features, numbers of any type. Raises InputError if they are no vectors of one
    length."""

    @property
    def where(self) -> str:
        """The name of the files in error messages."""
        return str(self.files[0]) if len(self.files) == 1 else f"{self.files[0].parent}"


def files_of(config: FileExtractor) -> tuple[Path, ...]:
    """The files with the features.

    Raises:
        InputError: there are none.
    """
    try:
        return matching_files(config.path, (".parquet", ".npz"))
    except InputError as error:
        raise InputError(
            f"features.extractor.path: {error}; rlsel check CONFIG.yaml --ids ids.csv lists the "
            "images whose features are to be there"
        ) from None


def open_table(config: FileExtractor) -> FeatureTable:
    """Read the ids.

    Raises:
        InputError: a file is missing, damaged, or lacks a column.
    """
    files = files_of(config)
    first, *others = files
    if first.suffix == ".npz":
        if others:
            raise InputError(f"{config.path}: is {len(files)} NPZ files; give one, or Parquet")
        return _npz_table(config, first)
    return _parquet_table(config, files)


def _parquet_table(config: FileExtractor, files: tuple[Path, ...]) -> FeatureTable:
    id_column, feature_column = config.id_column or "id", config.feature_column or "features"
    part_column = config.part_column or "part"
    columns = [open_parquet(file).schema_arrow.names for file in files]
    is_told = config.part_column is not None or part_column in columns[0]
    wanted = (id_column, feature_column, *((part_column,) if is_told else ()))
    for file, names in zip(files, columns, strict=True):
        if absent := [name for name in wanted if name not in names]:
            raise InputError(
                f"{file}: no column {' or '.join(map(repr, absent))}; the columns are "
                f"{first_few(names, 10)} (features.extractor.id_column, feature_column and "
                "part_column name others)"
            )
    texts = partial(_texts, files)
    return FeatureTable(
        files=files,
        ids_N=texts(id_column),
        parts_N=texts(part_column) if is_told else None,
        part_column=part_column,
        read_features=lambda: np.concatenate(_equally_wide(files, feature_column)),
    )


def _texts(files: tuple[Path, ...], column: str) -> np.ndarray:
    values: list[str] = []
    for file in files:
        with _readable(file):
            found = pq.read_table(file, columns=[column])[column]
        if found.null_count:
            raise InputError(
                f"{file}: column {column!r} is empty in {counted(found.null_count, 'row')}"
            )
        try:
            values += found.cast(pa.string()).to_pylist()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise InputError(
                f"{file}: column {column!r} is of {found.type}; text is needed"
            ) from None
    return np.array(values, dtype=str)


def _equally_wide(files: tuple[Path, ...], column: str) -> list[np.ndarray]:
    """The features of each file."""
    with _readable(files[0]):
        require_memory_for(files, column, NUM_COPIES)
    read = [_vectors(file, column) for file in files]
    for file, features_NF in zip(files, read, strict=True):
        if features_NF.shape[1] != read[0].shape[1]:
            raise InputError(
                f"{file}: features have {features_NF.shape[1]} numbers, those of {files[0]} "
                f"{read[0].shape[1]}"
            )
    return read


def _vectors(file: Path, column: str) -> np.ndarray:
    with _readable(file):
        values = pq.read_table(file, columns=[column])[column].combine_chunks()
    values = values.storage if isinstance(values, pa.ExtensionArray) else values
    kind = values.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    is_fixed = pa.types.is_fixed_size_list(kind)
    if not (is_list or is_fixed) or not _is_number(kind.value_type):
        raise InputError(f"{file}: column {column!r} is of {kind}; lists of numbers are needed")
    if values.null_count:
        raise InputError(
            f"{file}: column {column!r} is empty in {counted(values.null_count, 'row')}"
        )
    lengths_N = (
        np.diff(np.asarray(values.offsets)) if is_list else np.full(len(values), kind.list_size)
    )
    _require_one_length(lengths_N, f"{file}: column {column!r}")
    return values.flatten().to_numpy(zero_copy_only=False).reshape(len(lengths_N), -1)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _require_one_length(lengths_N: np.ndarray, what: str) -> None:
    if not len(lengths_N):
        raise InputError(f"{what}: there is not a single row")
    usual = int(np.bincount(lengths_N).argmax())
    others = np.flatnonzero(lengths_N != usual)
    if len(others):
        raise InputError(
            f"{what}: features have {usual} numbers, but {counted(len(others), 'row')} have "
            f"others, first row {others[0]} with {lengths_N[others[0]]}"
        )
    if not usual:
        raise InputError(f"{what}: features have no numbers")


def _npz_table(config: FileExtractor, file: Path) -> FeatureTable:
    id_key, feature_key = config.id_column or "ids", config.feature_column or "features"
    part_key = config.part_column or "parts"
    with _arrays(file) as arrays:
        is_told = config.part_column is not None or part_key in arrays.files
        wanted = (id_key, feature_key, *((part_key,) if is_told else ()))
        if absent := [name for name in wanted if name not in arrays.files]:
            raise InputError(
                f"{file}: no array {' or '.join(map(repr, absent))}; it holds "
                f"{first_few(arrays.files, 10)} (features.extractor.id_column, feature_column and "
                "part_column name others)"
            )
        ids_N = arrays[id_key].ravel().astype(str)
        parts_N = arrays[part_key].ravel().astype(str) if is_told else None
    if parts_N is not None and len(parts_N) != len(ids_N):
        raise InputError(f"{file}: {len(ids_N)} ids but {len(parts_N)} entries of {part_key!r}")
    return FeatureTable(
        (file,), ids_N, parts_N, part_key, partial(_npz_vectors, file, feature_key, ids_N)
    )


def _npz_vectors(file: Path, key: str, ids_N: np.ndarray) -> np.ndarray:
    with _arrays(file) as arrays:
        require_memory_for_array(file, key, NUM_COPIES)
        features_NF = arrays[key]
    if features_NF.ndim != 2 or features_NF.dtype.kind not in "fiu" or not features_NF.shape[1]:
        raise InputError(
            f"{file}: array {key!r} is {features_NF.dtype} of shape {features_NF.shape}; numbers "
            "of shape (images, size of a feature) are needed"
        )
    if len(features_NF) != len(ids_N):
        raise InputError(f"{file}: {len(ids_N):,} ids but {len(features_NF):,} features")
    return features_NF


@contextmanager
def _arrays(file: Path) -> Iterator[np.lib.npyio.NpzFile]:
    # np.load would leave a file open that turns out to be no zip, so it is opened here.
    with _readable(file), file.open("rb") as stream, np.load(stream) as arrays:
        yield arrays


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (
        OSError,
        ValueError,
        EOFError,
        pa.ArrowException,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file}: cannot be read ({reason})") from None
