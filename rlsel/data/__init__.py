"""Real images: from a folder, Parquet, NPZ, HDF5, torchvision or the phantom to `Splits`.

In: a `DataConfig` and a seed. Out: train, reward-val, selection-val, test and the training images
that were not drawn. Each is an `ImageSet`, all have one size and one order of classes, and notes
list what was changed. Read `splits.py` first, then `sources/part.py` and `image_set.py`.
"""

from rlsel.data.config import DataConfig, Ratios
from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.data.phantom import PhantomSource
from rlsel.data.samples import SampleSet
from rlsel.data.sources import (
    EmbeddingsSource,
    FolderSource,
    NpzSource,
    ParquetSource,
    PcamHdf5Source,
    TorchvisionPcamSource,
)
from rlsel.data.splits import Splits, load_splits

__all__ = [
    "DataConfig",
    "EmbeddingSet",
    "EmbeddingsSource",
    "FolderSource",
    "ImageSet",
    "NpzSource",
    "ParquetSource",
    "PcamHdf5Source",
    "PhantomSource",
    "Ratios",
    "SampleSet",
    "Splits",
    "TorchvisionPcamSource",
    "concatenate",
    "load_splits",
]
