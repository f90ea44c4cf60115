"""Recognise the kind of candidates at a path and return the `PoolConfig` that reads them."""

from rlsel.data.sources import (
    EmbeddingsSource,
    FolderSource,
    NpzSource,
    ParquetSource,
    PcamHdf5Source,
)
from rlsel.data.sources.recognise import recognise
from rlsel.errors import InputError
from rlsel.pool.config import EmbeddingsPool, FolderPool, NpzPool, ParquetPool

FilePool = FolderPool | ParquetPool | NpzPool | EmbeddingsPool


def recognise_pool(text: str, label: str | None = None) -> FilePool:
    """The pool config for the candidates at a path. They are not read, so they may hold errors.

    Args:
        text: A folder, file or glob as the user wrote it.
        label: The column of the classes, for Parquet; None finds it.

    Raises:
        InputError: nothing is there, or it holds no candidates that rlsel reads.
    """
    source = recognise(text, label)
    if isinstance(source, FolderSource):
        return FolderPool(path=text)
    if isinstance(source, NpzSource):
        return NpzPool(path=source.path)
    if isinstance(source, ParquetSource):
        return ParquetPool(
            path=source.path or text,
            image_column=source.image_column,
            label_column=source.label_column,
        )
    if isinstance(source, EmbeddingsSource):
        return EmbeddingsPool(
            path=source.path or text,
            vector_column=source.vector_column,
            label_column=source.label_column,
        )
    is_pcam = isinstance(source, PcamHdf5Source)
    what = "PCam's own images" if is_pcam else f"images that are read as {source.name}"
    raise InputError(
        f"{text}: holds {what}, which are real; candidates come in a folder with a folder for each "
        "class, in Parquet or in NPZ"
    )
