"""The user's original images of the candidates, before they were resized."""

from collections.abc import Iterator

import numpy as np

from rlsel.data.sources import WHOLE, find_parts
from rlsel.data.sources.part import Payload
from rlsel.data.sources.paths import matching_files
from rlsel.pool.config import FolderPool, NpzPool, ParquetPool, PoolConfig
from rlsel.pool.parquet_file import ids_in


def originals(config: PoolConfig, ids: np.ndarray) -> Iterator[tuple[str, Payload]]:
    """Id and original image for those of `ids` that come from files.

    Args:
        ids: Ids of candidates that were read by this config.

    Raises:
        InputError: a file is gone or cannot be read.
    """
    if not isinstance(config, FolderPool | NpzPool | ParquetPool):
        return
    listing = find_parts(config.source)[WHOLE].read()
    wanted, names = set(ids.tolist()), listing.names
    if isinstance(config, ParquetPool) and not wanted <= set(names):
        names = ids_in(matching_files(config.path, (".parquet",)))
    for name, payload in zip(names, listing.payloads(), strict=True):
        if name in wanted:
            yield name, payload
