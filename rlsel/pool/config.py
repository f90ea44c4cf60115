"""`PoolConfig`: where candidates come from. The generators of rlsel write a Parquet pool."""

from typing import Annotated, Literal

from pydantic import Field

from rlsel.data.phantom import PhantomPool
from rlsel.data.sources import EmbeddingsSource, FolderSource, NpzSource, ParquetSource
from rlsel.pool.planted import PlantedPool
from rlsel.schema import PathText, config


@config
class FolderPool:
    """Candidates of any generator, in one folder per class: PNG, JPEG or TIFF."""

    name: Literal["folder"] = "folder"
    path: PathText
    """The folder that holds the class folders, named after the classes of the real images; some may
    be missing or empty. Or a folder in StyleGAN's layout, whose dataset.json has class_names beside
    the labels."""

    @property
    def source(self) -> FolderSource:
        return FolderSource(path=self.path)


@config
class ParquetPool:
    """Candidates in Parquet files, written by `write_pool` or made elsewhere."""

    name: Literal["parquet"] = "parquet"
    path: PathText
    """A file or a glob."""
    image_column: str = "image"
    """Encoded images: struct(bytes, path) or plain bytes."""
    label_column: str = "label"
    """Class numbers or class names."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ...; None reads them from the Hugging Face metadata."""

    @property
    def source(self) -> ParquetSource:
        return ParquetSource(
            path=self.path,
            image_column=self.image_column,
            label_column=self.label_column,
            class_names=self.class_names,
        )


@config
class NpzPool:
    """Candidates in an NPZ file with the arrays `images` and `labels`."""

    name: Literal["npz"] = "npz"
    path: PathText
    """The file. `images` is (n, h, w) or (n, h, w, 3); `labels` is (n,) or (n, 1)."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ..., the same as those of the real images."""

    @property
    def source(self) -> NpzSource:
        return NpzSource(path=self.path, class_names=self.class_names)


@config
class EmbeddingsPool:
    """Candidates that are vectors, as wide as the real embeddings."""

    name: Literal["embeddings"] = "embeddings"
    path: PathText
    """A Parquet file, a glob or a folder, or an NPZ file with embeddings and labels."""
    vector_column: str | None = None
    """The column of vectors: lists or fixed-size lists of numbers. None takes the only one."""
    label_column: str = "label"
    """Class numbers or class names."""
    id_column: str | None = None
    """The id of each candidate. None takes the column `id` if there is one, else file and row."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ...; None reads them from the Hugging Face metadata."""

    @property
    def source(self) -> EmbeddingsSource:
        return EmbeddingsSource(
            path=self.path,
            vector_column=self.vector_column,
            label_column=self.label_column,
            id_column=self.id_column,
            class_names=self.class_names,
        )


PoolConfig = Annotated[
    PhantomPool | PlantedPool | FolderPool | ParquetPool | NpzPool | EmbeddingsPool,
    Field(discriminator="name"),
]
