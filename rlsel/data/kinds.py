"""The kinds of sample there are, for modules that do something else for each of them."""

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.image_set import ImageSet
from rlsel.data.samples import SampleSet

Known = ImageSet | EmbeddingSet
"""A new kind belongs here. Then pyright names each `match` that has no case for it."""


def known(samples: SampleSet) -> Known:
    """The samples as one of the kinds, for a `match` that has a case for each.

    Raises:
        TypeError: they are of a kind that is not in `Known`, so no code knows what to do with them.
    """
    if isinstance(samples, Known):
        return samples
    raise TypeError(f"{type(samples).__name__} is not among the kinds of rlsel.data.kinds.Known")
