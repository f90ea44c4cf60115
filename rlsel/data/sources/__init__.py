"""Where real images come from: one file per kind, with its Config and a function to find its parts.

In: the Config of a source. Out: its parts, which are train, val and test, or one whole that is
still to be split. A part knows its files before it opens them, so that the cache can answer first.
Read `part.py` first, then `parquet.py`.
"""

from collections.abc import Callable

from rlsel.data.sources.embeddings import EmbeddingsSource, read_embeddings
from rlsel.data.sources.folder import FolderSource, folder_parts
from rlsel.data.sources.npz import NpzSource, npz_parts
from rlsel.data.sources.parquet import ParquetSource, parquet_parts
from rlsel.data.sources.part import WHOLE, Part
from rlsel.data.sources.pcam import (
    PcamHdf5Source,
    TorchvisionPcamSource,
    pcam_hdf5_parts,
    torchvision_pcam_parts,
)
from rlsel.errors import InputError

FileSource = FolderSource | ParquetSource | NpzSource | PcamHdf5Source | TorchvisionPcamSource
FINDERS: dict[type, Callable[..., dict[str, Part]]] = {
    FolderSource: folder_parts,
    ParquetSource: parquet_parts,
    NpzSource: npz_parts,
    PcamHdf5Source: pcam_hdf5_parts,
    TorchvisionPcamSource: torchvision_pcam_parts,
}


def find_parts(source: FileSource) -> dict[str, Part]:
    """The parts of a source by split, or under `WHOLE` if it is not split yet.

    Raises:
        InputError: a file or folder of the source is missing or may not be read.
    """
    try:
        return FINDERS[type(source)](source)
    except PermissionError as error:
        raise InputError(f"{error.filename}: permission denied; make it readable") from error


__all__ = [
    "WHOLE",
    "EmbeddingsSource",
    "FileSource",
    "FolderSource",
    "NpzSource",
    "ParquetSource",
    "Part",
    "PcamHdf5Source",
    "TorchvisionPcamSource",
    "find_parts",
    "read_embeddings",
]
