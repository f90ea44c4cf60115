"""`PoolConfig`: where candidates come from. Generators of our own write a Parquet pool."""

from typing import Annotated, Literal

from pydantic import Field

from rlsel.data.phantom import PhantomPool
from rlsel.data.sources import FolderSource, NpzSource, ParquetSource
from rlsel.pool.planted import PlantedPool
from rlsel.schema import config


@config
class FolderPool:
    """Candidates of any generator in a folder for each class: PNG, JPEG or TIFF."""

    name: Literal["folder"] = "folder"
    path: str
    """The folder that holds the class folders, called as the classes of the real images, of which
    some may be missing or empty; or one in StyleGAN's layout, whose dataset.json has class_names
    beside the labels."""

    @property
    def source(self) -> FolderSource:
        return FolderSource(path=self.path)


@config
class ParquetPool:
    """Candidates in Parquet files, written by `write_pool` or made elsewhere."""

    name: Literal["parquet"] = "parquet"
    path: str
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
    path: str
    """The file. `images` is (n, h, w) or (n, h, w, 3); `labels` is (n,) or (n, 1)."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes 0, 1, ..., as the real images call them."""

    @property
    def source(self) -> NpzSource:
        return NpzSource(path=self.path, class_names=self.class_names)


PoolConfig = Annotated[
    PhantomPool | PlantedPool | FolderPool | ParquetPool | NpzPool, Field(discriminator="name")
]
