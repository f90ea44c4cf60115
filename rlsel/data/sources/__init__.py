"""Where real images come from: one file per kind, with its Config and a function to find its parts.

In goes a source's Config, out come its parts: train, val and test, or one whole that is still to be
split. A part knows its files before it opens them, so that the cache can answer instead.
Read `part.py` first, then `npz.py`. `FINDERS` is the only list of the sources that lie in files.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable

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


@runtime_checkable
class FileSource(Protocol):
    """A `@config` class of images in files: one of those in `FINDERS`.

    A setting that is a path has the type `PathText`, so that it begins at the folder of the config.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The kind, as configs have it: a Literal with its default."""
        ...


FINDERS: dict[type, Callable[..., dict[str, Part]]] = {
    FolderSource: folder_parts,
    ParquetSource: parquet_parts,
    NpzSource: npz_parts,
    PcamHdf5Source: pcam_hdf5_parts,
    TorchvisionPcamSource: torchvision_pcam_parts,
}
"""The Config of a source -> what finds its parts. The block `data.source` of a config is of these,
of the phantom or of embeddings."""


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
    "FINDERS",
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
