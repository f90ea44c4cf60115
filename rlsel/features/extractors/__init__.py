"""Where features come from when no network is trained for them.

In: the block `features.extractor`, the splits, the candidates. Out: features by part, as a frozen
network or a file has them; and `identity_of`, what a cache goes by. Read `config.py`, then
`frozen.py`.
"""

from rlsel.features.extractors.config import ExtractorConfig, FileExtractor, FrozenExtractor
from rlsel.features.extractors.frozen import (
    frozen_features,
    identity_of,
    require_extractor,
    require_features,
)

__all__ = [
    "ExtractorConfig",
    "FileExtractor",
    "FrozenExtractor",
    "frozen_features",
    "identity_of",
    "require_extractor",
    "require_features",
]
