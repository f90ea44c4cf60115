"""The types of the decision problem: a pool cut into batches, and the worth of a set.

Shape letters in this package: N candidates in the pool, K places in a batch (padding included),
F descriptors of a candidate, C classes, M masks.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

Context = Literal["decision", "kept_share", "kept_mean"]
"""Number of the decision; kept share of each class so far; mean descriptor of the kept."""


@dataclass(frozen=True)
class SelectionProblem:
    """A pool cut into batches, with the descriptors that the controller sees."""

    batches_DK: Int[np.ndarray, "d k"]
    """Each row holds the candidates of a batch as indices into the pool; -1 is padding."""
    descriptors_NF: Float32[np.ndarray, "n f"]
    """Descriptors that the controller sees of each candidate, standardised over the pool."""
    labels_N: Int[np.ndarray, " n"]
    num_classes: int
    descriptor_names: tuple[str, ...] = ()
    context: tuple[Context, ...] = ("decision", "kept_share", "kept_mean")
    """Parts of the state that the controller sees beside the batch. Observations have zeros in the
    place of the others, except for `decision`, which the learner needs."""
    num_shards: int = 1
    """Shards of the pool, of equally many batches each. An episode decides the batches of one
    shard, so its cost does not grow with the pool. Shard s has the rows of `batches_DK` from
    s * `num_decisions` on."""

    def __post_init__(self) -> None:
        if len(self.batches_DK) % self.num_shards:
            raise ValueError(
                f"{len(self.batches_DK)} batches cannot be dealt to {self.num_shards} shards"
            )
        listed = np.sort(self.batches_DK[self.batches_DK >= 0])
        if not np.array_equal(listed, np.arange(self.num_candidates)):
            raise ValueError("every candidate must stand in exactly one batch, exactly once")
        if not np.isfinite(self.descriptors_NF).all():
            raise ValueError("descriptors must be finite")

    @property
    def num_candidates(self) -> int:
        return len(self.labels_N)

    @property
    def num_decisions(self) -> int:
        """Decisions of an episode: the batches of a shard."""
        return len(self.batches_DK) // self.num_shards

    @property
    def batch_size(self) -> int:
        """Places in a batch, K: the size of the largest batch. Smaller ones are padded."""
        return self.batches_DK.shape[1]

    def batches_of(self, shard: int) -> Int[np.ndarray, "d k"]:
        """Row d holds the candidates of decision d in an episode on this shard."""
        first = shard * self.num_decisions
        return self.batches_DK[first : first + self.num_decisions]

    def members_of(self, shard: int) -> Int[np.ndarray, " m"]:
        """The candidates of a shard as indices into the pool, ascending."""
        places_DK = self.batches_of(shard)
        return np.sort(places_DK[places_DK >= 0])


@runtime_checkable
class RewardFn(Protocol):
    """The worth of a set of candidates, such as the validation score after training on it."""

    def __call__(self, kept_N: Bool[np.ndarray, " n"]) -> float:
        """Higher is better. The empty set is allowed and means the real images alone."""
        ...


def score_all(reward_fn: RewardFn, masks_MN: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
    """The worths of many sets, asked for together if `reward_fn` has a method `many`."""
    many: Any = getattr(reward_fn, "many", None)
    scores = many(masks_MN) if many else [reward_fn(mask_N) for mask_N in masks_MN]
    return np.asarray(scores, dtype=np.float64)
