"""A column of vectors in Parquet files: lists or fixed-size lists of numbers.

Shape letters: N embeddings, F width of each.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.sources.parquet import open_parquet, readable
from rlsel.data.sources.parquet_splits import Rows
from rlsel.data.vectors import find_unusable
from rlsel.errors import InputError
from rlsel.machine.memory import require_memory
from rlsel.machine.wording import counted

NOUN = EmbeddingSet.noun
ROWS_AT_ONCE = 4096
NUM_COPIES = 2
"""Vectors block by block, and in one array."""


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


def read_vectors(group: Sequence[Rows], column: str) -> Float32[np.ndarray, "n f"]:
    """The vectors of some rows of several files.

    Raises:
        InputError: they do not fit into memory, differ in width, or cannot be computed with.
    """
    require_memory_for([rows.file for rows in group], column, NUM_COPIES)
    return _of_one_width({rows.file: _vectors(rows, column) for rows in group})


def require_memory_for(files: Sequence[Path], column: str, num_copies: int) -> None:
    """Refuse more vectors than there is memory for, before they are read.

    Args:
        num_copies: How often the caller needs room for them, as float32.

    Raises:
        InputError: there is no room; the message says how many vectors there are.
    """
    with readable(files[0]):
        first = next(open_parquet(files[0]).iter_batches(1, columns=[column]), None)
    if first is None or not len(first) or not is_vector(first.schema.field(0).type):
        return  # which is told when they are read
    num = sum(open_parquet(file).metadata.num_rows for file in files)
    width = len(first.column(0)[0].as_py() or ())
    where = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    require_memory(
        num_copies * num * width * np.dtype(np.float32).itemsize,
        f"{where}: {counted(num, 'vector')} of {width:,} numbers",
        "give fewer or narrower ones, or take a machine with more memory",
    )


def _of_one_width(vectors_of: dict[Path, Float32[np.ndarray, "_ _"]]) -> np.ndarray:
    """(n, f) the vectors of several files. Those without rows say nothing of the width."""
    filled = {file: vectors_NF for file, vectors_NF in vectors_of.items() if len(vectors_NF)}
    if not filled:
        return np.zeros((0, 0), np.float32)
    first_file, first_NF = next(iter(filled.items()))
    for file, vectors_NF in filled.items():
        if vectors_NF.shape[1] != first_NF.shape[1]:
            raise InputError(
                f"{file}: embeddings have {vectors_NF.shape[1]:,} numbers, and those of "
                f"{first_file} {first_NF.shape[1]:,}; take those of one model"
            )
    return np.concatenate(list(filled.values()))


def _vectors(rows: Rows, column: str) -> Float32[np.ndarray, "n f"]:
    kind = open_parquet(rows.file).schema_arrow.field(column).type
    if not is_vector(kind):
        raise InputError(
            f"{rows.file}: column {column!r} is of type {kind}; lists of numbers are needed"
        )
    blocks, start = [], 0
    with readable(rows.file):
        for batch in open_parquet(rows.file).iter_batches(ROWS_AT_ONCE, columns=[column]):
            if len(batch):
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
    return usable(values, where, start)


def usable(values_NF: np.ndarray, where: str, start: int = 0) -> Float32[np.ndarray, "n f"]:
    """The vectors as float32, once they are known to be finite and not too large.

    Args:
        where: The file, and what stands before the number of a row.
        start: The number of the first row.

    Raises:
        InputError: one of them cannot be computed with; the message names its row.
    """
    if len(values_NF) and not values_NF.shape[1]:
        raise InputError(f"{where} {start}: the embeddings have no numbers (width 0)")
    if unusable := find_unusable(values_NF):
        raise InputError(
            f"{where} {start + int(unusable.rows[0])}: the embedding holds {unusable.said}; mend "
            "that row or leave it out"
        )
    return values_NF.astype(np.float32)


def _listed(widths: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(widths)))
