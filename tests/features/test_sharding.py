"""How a pool that is too large for its batches is dealt to shards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsel.features.batching import cut_into_batches
from rlsel.features.sharding import cut_into_shards, fewest_shards


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def pool(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys and labels of a shuffled pool with that many candidates of each class."""
    generator = np.random.default_rng(3)
    labels_N = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return generator.random(len(labels_N)), labels_N


@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    num_batches=st.integers(1, 5),
    max_batch_size=st.integers(5, 61),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_candidate_stands_in_one_batch_and_no_batch_is_too_large(
    sizes: list[int], num_batches: int, max_batch_size: int
) -> None:
    sizes = [*sizes, 5 * num_batches]
    key_N, labels_N = pool(*sizes)

    batches_DK, num_shards = cut_into_shards(key_N, labels_N, num_batches, max_batch_size, rng())

    places = batches_DK[batches_DK >= 0]
    assert sorted(places.tolist()) == list(range(len(labels_N)))
    assert len(batches_DK) == num_shards * num_batches
    if num_shards < max(sizes) // num_batches:
        assert batches_DK.shape[1] <= max_batch_size
    assert ((batches_DK >= 0).sum(axis=1) > 0).all()


def test_a_pool_that_fits_is_cut_as_without_shards() -> None:
    key_N, labels_N = pool(53, 47)

    batches_DK, num_shards = cut_into_shards(key_N, labels_N, 4, 26, rng())

    assert num_shards == 1
    assert np.array_equal(batches_DK, cut_into_batches(key_N, labels_N, 4))


def test_one_candidate_more_than_fits_needs_a_second_shard() -> None:
    assert fewest_shards(np.array([32, 32]), 8, 8) == 1
    assert fewest_shards(np.array([32, 33]), 8, 8) == 2


def test_every_shard_is_an_even_sample_of_each_class() -> None:
    key_N, labels_N = pool(611, 401)

    batches_DK, num_shards = cut_into_shards(key_N, labels_N, 3, 31, rng())

    shards = batches_DK.reshape(num_shards, -1)
    assert num_shards == 12
    for label in (0, 1):
        of_class = [row[(row >= 0)] for row in shards]
        of_class = [row[labels_N[row] == label] for row in of_class]
        counts = [len(row) for row in of_class]
        assert max(counts) - min(counts) <= 1
        # Of every 12 neighbours each shard has one, so the medians lie close together.
        medians = [np.median(key_N[row]) for row in of_class]
        assert max(medians) - min(medians) < 0.06


def test_the_deal_follows_from_the_seed() -> None:
    key_N, labels_N = pool(90, 90)

    one, again = (cut_into_shards(key_N, labels_N, 3, 10, rng())[0] for _ in range(2))
    other = cut_into_shards(key_N, labels_N, 3, 10, np.random.default_rng(8))[0]

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("num_classes", [600, 1000])
def test_with_very_many_classes_no_batch_is_empty(num_classes: int) -> None:
    key_N, labels_N = pool(*[20] * num_classes)

    batches_DK, num_shards = cut_into_shards(key_N, labels_N, 8, 512, rng())

    assert num_shards == 2
    assert ((batches_DK >= 0).sum(axis=1) > 0).all()
