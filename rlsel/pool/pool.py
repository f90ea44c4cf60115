"""`Pool`: the candidates that a selection chooses from, and facts about them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rlsel.data.samples import SampleSet

OF_EACH = ("kinds", "useful", "latent_seeds", "models")
"""Optional fields with one entry per candidate."""


SHORT = 16


def short_digests(images: SampleSet) -> np.ndarray:
    """(n,) the first 16 hex digits of `value_digests`, short enough to be stored with a pool."""
    return images.value_digests.astype(f"U{SHORT}")


@dataclass(frozen=True)
class Pool:
    """Labelled candidates, in an order that carries no information."""

    candidates: SampleSet
    """Samples with the size and class order of the training images."""
    source: str
    """Origin of the candidates, for the record and the report."""
    kinds: np.ndarray | None = None
    """(n,) strings such as right_label or blurred; None for candidates without planted faults."""
    useful: np.ndarray | None = None
    """(n,) true where an oracle would keep the candidate; None if the truth is unknown."""
    latent_seeds: np.ndarray | None = None
    """(n,) int64: latent seed of each candidate; None if not made by a generator of rlsel."""
    models: np.ndarray | None = None
    """(n,) hex hashes of the generator's weights; None if not made by a generator of rlsel."""
    trained_on: np.ndarray | None = None
    """`short_digests` of the real images that the candidates' generator saw; None if unknown."""
    notes: tuple[str, ...] = ()
    """What was dropped, resized or found twice."""

    def __post_init__(self) -> None:
        for name in OF_EACH:
            value = getattr(self, name)
            if value is not None and len(value) != len(self.candidates):
                raise ValueError(
                    f"{name} has {len(value)} entries for {len(self.candidates)} candidates"
                )

    def __len__(self) -> int:
        return len(self.candidates)

    @cached_property
    def digest(self) -> str:
        """Hash of the candidates' pixels, labels, class names and ids."""
        return self.candidates.digest

    @property
    def kind_counts(self) -> dict[str, int]:
        """Candidates of each kind; empty where the kinds are unknown."""
        if self.kinds is None:
            return {}
        names, counts = np.unique(self.kinds, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without a candidate, for example if only the rare class is augmented."""
        return tuple(name for name, count in self.candidates.counts.items() if not count)

    def take(self, which: np.ndarray) -> "Pool":
        """The candidates at these indices, or where this mask is true."""
        known = {name: getattr(self, name) for name in OF_EACH}
        taken = {name: None if value is None else value[which] for name, value in known.items()}
        return replace(self, candidates=self.candidates.take(which), **taken)
