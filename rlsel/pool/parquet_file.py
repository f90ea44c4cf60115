"""A pool as one Parquet file in the Hugging Face image convention, which other tools can write too.

Columns: `image` struct(bytes, path) as PNG, `label`, `class` (its name), `id`, `source`, `kind`,
`useful`, `latent_seed` and `model`. A file made elsewhere needs only `image` and `label`; `label`
is text, or numbers with class names in the metadata.
"""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from rlsel.data.decoding.resize import Size
from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.image_set import ImageSet
from rlsel.data.kinds import known
from rlsel.data.read import read_whole
from rlsel.data.sources import EmbeddingsSource, ParquetSource
from rlsel.data.sources.hugging_face import pool_metadata
from rlsel.data.sources.parquet import open_parquet, row_names
from rlsel.data.sources.paths import matching_files
from rlsel.errors import InputError
from rlsel.machine.atomic_files import replacing
from rlsel.machine.mapped import row_blocks
from rlsel.pool.pool import Pool

NOTES_KEY = b"rlsel_notes"
TRAINED_ON_KEY = b"rlsel_trained_on"
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
TYPES = {"string": pa.string(), "bool": pa.bool_(), "int64": pa.int64()}
ARRAYS = {"string": str, "bool": bool, "int64": np.int64}
OTHERS = {
    "class": "string",
    "id": "string",
    "source": "string",
    "kind": "string",
    "useful": "bool",
    "latent_seed": "int64",
    "model": "string",
}
OF_EACH = {
    "kind": "kinds",
    "useful": "useful",
    "latent_seed": "latent_seeds",
    "model": "models",
}
"""Column -> field of `Pool`."""
IMAGE_COLUMN, VECTOR_COLUMN = "image", "embedding"
ROW_GROUP_BYTES = 64 * 2**20
"""Size of the images in a row group. Readers hold one row group at a time, and most readers
(pandas, PyArrow, Hugging Face datasets) fail on one with 2 GiB of images or more."""


def write_pool(pool: Pool, path: Path) -> None:
    """Write a pool, completely or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    match known(pool.candidates):
        case ImageSet() as images:
            _write_images(pool, images, path)
        case EmbeddingSet() as embeddings:
            _write_embeddings(pool, embeddings, path)


def _write_images(pool: Pool, images: ImageSet, path: Path) -> None:
    schema = _schema(IMAGE_COLUMN, IMAGE, _metadata(pool))
    with replacing(Path(path)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for first, cells in _row_groups(images):
            part = pool.take(np.arange(first, first + len(cells)))
            content = pa.array(cells, IMAGE)
            writer.write_table(_table(part, content, schema), row_group_size=len(cells))


def _write_embeddings(pool: Pool, embeddings: EmbeddingSet, path: Path) -> None:
    width = embeddings.vectors.shape[1]
    kind = pa.list_(pa.float32(), width)
    schema = _schema(VECTOR_COLUMN, kind, _metadata(pool, width))
    with replacing(Path(path)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for rows in row_blocks(embeddings.vectors):
            numbers = pa.array(embeddings.vectors[rows].ravel())
            content = pa.FixedSizeListArray.from_arrays(numbers, type=kind)
            part = pool.take(np.arange(len(pool))[rows])
            writer.write_table(_table(part, content, schema))


def _metadata(pool: Pool, width: int | None = None) -> dict[bytes | str, bytes | str]:
    metadata = pool_metadata(pool.candidates.class_names, OTHERS, width)
    metadata[NOTES_KEY] = json.dumps(pool.notes)
    if pool.trained_on is not None:
        metadata[TRAINED_ON_KEY] = json.dumps(pool.trained_on.tolist())
    return metadata


def _row_groups(candidates: ImageSet) -> Iterator[tuple[int, list[dict[str, bytes | str]]]]:
    """For each row group, the index of its first candidate and its encoded images."""
    first, cells, num_bytes = 0, [], 0
    for index in range(len(candidates)):
        cell = _cell(candidates, index)
        size = len(cell["bytes"])
        if cells and num_bytes + size > ROW_GROUP_BYTES:
            yield first, cells
            first, cells, num_bytes = index, [], 0
        cells.append(cell)
        num_bytes += size
    yield first, cells


def _schema(column: str, kind: pa.DataType, metadata: dict[bytes | str, bytes | str]) -> pa.Schema:
    others = {name: TYPES[kind] for name, kind in OTHERS.items()}
    return pa.schema({column: kind, "label": pa.int64()} | others).with_metadata(metadata)


def _table(pool: Pool, content: pa.Array, schema: pa.Schema) -> pa.Table:
    n, candidates = len(pool), pool.candidates
    class_names = np.array(candidates.class_names)
    columns = {
        "label": candidates.labels,
        "class": class_names[candidates.labels],
        "id": candidates.ids,
        "source": [pool.source] * n,
    }
    for column, field in OF_EACH.items():
        values = getattr(pool, field)
        columns[column] = [None] * n if values is None else values.tolist()
    others = [pa.array(columns[field.name], field.type) for field in list(schema)[1:]]
    return pa.Table.from_arrays([content, *others], schema=schema)


def read_pool(
    source: ParquetSource | EmbeddingsSource | str | Path,
    size: Size | None = None,
    skip_bad: bool = False,
) -> Pool:
    """Read a pool that `write_pool` wrote, or any Parquet file of labelled images or embeddings.

    Args:
        source: a path or glob, or a source if the columns have other names.
        size: the size to which images are resized; None keeps their size.
        skip_bad: leave out candidates that cannot be read.

    Raises:
        InputError: the file is missing, damaged, or has no images and labels.
    """
    if isinstance(source, str | Path):
        source = _source_of(str(source))
    candidates, notes = read_whole(source, size, skip_bad)
    if isinstance(source, EmbeddingsSource) and source.is_npz:
        return Pool(candidates, source=f"file {source.path}", notes=notes)
    files = matching_files(source.path or "", (".parquet",))
    row_ids = None if isinstance(source, EmbeddingsSource) else candidates.ids
    columns = _other_columns(files, row_ids)
    ids, sources = columns["id"], columns["source"]
    if ids is not None and len(np.unique(ids)) == len(ids):
        candidates = candidates.changed(ids=ids)
    told = [open_parquet(file).schema_arrow.metadata or {} for file in files]
    trained_on = [name for one in told for name in json.loads(one.get(TRAINED_ON_KEY, b"[]"))]
    written = [note for one in told for note in json.loads(one.get(NOTES_KEY, b"[]"))]
    return Pool(
        candidates=candidates,
        source=", ".join(np.unique(sources)) if sources is not None else f"file {source.path}",
        notes=(*dict.fromkeys((*written, *notes)),),
        trained_on=np.array(trained_on) if trained_on else None,
        **{field: columns[column] for column, field in OF_EACH.items()},
    )


def _source_of(path: str) -> ParquetSource | EmbeddingsSource:
    files = matching_files(path, (".parquet",))
    if VECTOR_COLUMN in open_parquet(files[0]).schema_arrow.names:
        return EmbeddingsSource(path=path, vector_column=VECTOR_COLUMN)
    return ParquetSource(path=path)


def _other_columns(
    files: tuple[Path, ...], row_ids: np.ndarray | None
) -> dict[str, np.ndarray | None]:
    """The columns of a pool other than its content; None for a column that is absent or has gaps.

    Args:
        row_ids: Names of the rows that were read; None takes all.
    """
    tables = [_known_columns(file) for file in files]
    table = pa.concat_tables(tables, promote_options="default")
    if row_ids is None:
        return {name: _values(table, name) for name in OTHERS}
    names = row_names(files, [table.num_rows for table in tables])
    row_of = {name: row for row, name in enumerate(names)}
    rows = pa.array([row_of[name] for name in row_ids.tolist()])
    table = table.take(rows)
    return {name: _values(table, name) for name in OTHERS}


def ids_in(files: tuple[Path, ...]) -> tuple[str, ...]:
    """The column `id` of all files, concatenated."""
    return tuple(id_ for file in files for id_ in _known_columns(file)["id"].to_pylist())


def _known_columns(file: Path) -> pa.Table:
    """The known columns, cast to our types from the integers or dictionaries of other writers."""
    parquet = open_parquet(file)
    present = [name for name in OTHERS if name in parquet.schema_arrow.names]
    table = parquet.read(columns=present)
    schema = pa.schema([(name, TYPES[OTHERS[name]]) for name in present])
    try:
        return table.cast(schema) if present else table
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{file}: id, source, kind and model must be text, useful true or false, latent_seed "
            "a whole number"
        ) from error


def _values(table: pa.Table, name: str) -> np.ndarray | None:
    if name not in table.column_names or table[name].null_count:
        return None
    return np.array(table[name].to_pylist(), dtype=ARRAYS[OTHERS[name]])


def _cell(candidates: ImageSet, index: int) -> dict[str, bytes | str]:
    stream = BytesIO()
    # Level 1 is several times faster than the default, and files are a tenth larger.
    Image.fromarray(candidates.images[index]).save(stream, format="PNG", compress_level=1)
    name = str(candidates.ids[index])
    path = name if name.lower().endswith(".png") else f"{name}.png"
    return {"bytes": stream.getvalue(), "path": path}
