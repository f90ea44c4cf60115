"""Candidates: from a `PoolConfig` and the real images to one `Pool`, for every kind of source.

A pool has the size and classes of the training images. If it was planted or drawn, it also holds
the kind of every candidate and whether an oracle would keep it. It is written and read as Parquet.
Read `pool.py` first, then `build.py` and `planted.py`.
"""

from rlsel.data.phantom import PhantomPool
from rlsel.pool.build import build_pool, fit_to
from rlsel.pool.checks import InputReport, describe_inputs
from rlsel.pool.config import EmbeddingsPool, FolderPool, NpzPool, ParquetPool, PoolConfig
from rlsel.pool.parquet_file import read_pool, write_pool
from rlsel.pool.planted import PlantedPool
from rlsel.pool.pool import Pool

__all__ = [
    "EmbeddingsPool",
    "FolderPool",
    "InputReport",
    "NpzPool",
    "ParquetPool",
    "PhantomPool",
    "PlantedPool",
    "Pool",
    "PoolConfig",
    "build_pool",
    "describe_inputs",
    "fit_to",
    "read_pool",
    "write_pool",
]
