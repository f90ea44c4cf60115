"""Where features come from when no network is trained for them.

In: the block `features.extractor`, the splits, the candidates. Out: `Features`, whose logits of
candidates are those of a logistic head; and `identity_of`, the text that a cache goes by. Read
`config.py`, then `frozen.py`.
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
