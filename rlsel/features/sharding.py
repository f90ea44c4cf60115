"""Dealing a large pool to shards, each an even sample of it.

Shape letters: N candidates, C classes, D batches of a shard, K places in a batch, S shards.
"""

import numpy as np
from jaxtyping import Float, Int

from envs.phantom import pad_rows
from rlsel.features.batching import cut_into_batches


def cut_into_shards(
    sort_key_N: Float[np.ndarray, " n"],
    labels_N: Int[np.ndarray, " n"],
    num_batches: int,
    max_batch_size: int,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, "sd k"], int]:
    """The batches of all shards, those of one shard after those of another; number of shards.

    There are as few shards as the size of a batch allows. A pool of one shard is cut as
    `cut_into_batches` does it, and `rng` is not used. The cost of an episode does not depend on the
    number of shards, since it decides the batches of one.

    Raises:
        InputError: there are so many batches that one would stay empty.
    """
    num_shards = fewest_shards(np.bincount(labels_N), num_batches, max_batch_size)
    rows: list[np.ndarray] = []
    for members in _deal(sort_key_N, labels_N, num_shards, rng):
        batches_DK = cut_into_batches(sort_key_N[members], labels_N[members], num_batches)
        rows += [members[places_K[places_K >= 0]] for places_K in batches_DK]
    return pad_rows(rows).astype(np.int64), num_shards


def fewest_shards(counts_C: Int[np.ndarray, " c"], num_batches: int, max_batch_size: int) -> int:
    """How few shards do, so that no batch has more than `max_batch_size` candidates.

    With very many classes batches are larger than that: a shard needs `num_batches` candidates of
    one class at least, or a batch would be empty.
    """
    greatest = max(1, int(counts_C.max()) // num_batches)
    num_shards = min(greatest, max(1, int(counts_C.sum()) // (num_batches * max_batch_size)))
    while (
        num_shards < greatest and _largest_batch(counts_C, num_shards, num_batches) > max_batch_size
    ):
        num_shards += 1
    return num_shards


def _largest_batch(counts_C: Int[np.ndarray, " c"], num_shards: int, num_batches: int) -> int:
    in_shard_C = -(-counts_C // num_shards)
    return int((-(-in_shard_C // num_batches)).sum())


def _deal(
    sort_key_N: np.ndarray, labels_N: np.ndarray, num_shards: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """The candidates of each shard, ascending: of neighbours in the order of a class, each goes to
    another shard."""
    if num_shards == 1:
        return [np.arange(len(labels_N))]
    shard_N = np.empty(len(labels_N), dtype=np.int64)
    for label in np.unique(labels_N):
        members = np.flatnonzero(labels_N == label)
        ranked = members[np.argsort(sort_key_N[members], kind="stable")]
        rounds = -(-len(ranked) // num_shards)
        drawn_RS = rng.permuted(np.tile(np.arange(num_shards), (rounds, 1)), axis=1)
        shard_N[ranked] = drawn_RS.ravel()[: len(ranked)]
    by_shard = np.argsort(shard_N, kind="stable")
    return np.split(by_shard, np.bincount(shard_N, minlength=num_shards).cumsum()[:-1])
