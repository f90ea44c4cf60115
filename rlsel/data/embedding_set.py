"""`EmbeddingSet`: labelled vectors that were computed elsewhere.

Shape letters: N samples, F width of an embedding.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int

from rlsel.data.samples import SampleSet


@dataclass(frozen=True)
class EmbeddingSet(SampleSet):
    """Embeddings with labels and stable names, such as those of a pathology foundation model."""

    vectors: Float32[np.ndarray, "n f"]
    """Finite numbers, as the source gives them."""
    labels: Int[np.ndarray, " n"]
    class_names: tuple[str, ...]
    ids: np.ndarray
    patients: np.ndarray | None = None
    noun: ClassVar[str] = "embedding"
    content_noun: ClassVar[str] = "numbers"
    content: ClassVar[str] = "vectors"

    @property
    def shape_text(self) -> str:
        return f"{self.vectors.shape[1]:,} numbers"
