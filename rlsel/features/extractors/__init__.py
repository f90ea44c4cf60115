"""The sources of features if no network is trained for them.

In: the block `features.extractor`, the splits, the candidates. Out: features by part, from a frozen
network or a file; and `identity_of`, the key for the cache. Read `config.py`, then `frozen.py`.
"""

from rlsel.features.extractors.config import ExtractorConfig, FileExtractor, FrozenExtractor
from rlsel.features.extractors.frozen import (
    frozen_features,
    identity_of,
    require_extractor,
    require_features,
    try_network,
)

__all__ = [
    "ExtractorConfig",
    "FileExtractor",
    "FrozenExtractor",
    "frozen_features",
    "identity_of",
    "require_extractor",
    "require_features",
    "try_network",
]
