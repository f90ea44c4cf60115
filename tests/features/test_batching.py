"""How a pool is cut into batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsel.errors import InputError
from rlsel.features.batching import cut_into_batches


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """(keys, labels, number of batches) of a pool with classes of any sizes."""
    num_batches = draw(st.integers(1, 8))
    sizes = draw(st.lists(st.integers(0, 19), min_size=1, max_size=3))
    labels_N = np.repeat(np.arange(len(sizes) + 1), [*sizes, num_batches])
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    # Few values, so that keys tie.
    return rng.integers(7, size=len(labels_N)).astype(float), rng.permutation(labels_N), num_batches


@given(pools())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_cut_keeps_all_its_promises(pool: tuple[np.ndarray, np.ndarray, int]) -> None:
    key_N, labels_N, num_batches = pool

    batches_DK = cut_into_batches(key_N, labels_N, num_batches)

    rows = [row[row >= 0] for row in batches_DK]
    assert len(rows) == num_batches
    # Every candidate stands in exactly one batch, exactly once.
    assert sorted(np.concatenate(rows)) == list(range(len(labels_N)))
    # Padding is at the end of a row, and no wider than the largest batch needs.
    for line_K, row in zip(batches_DK, rows, strict=True):
        assert np.array_equal(line_K[: len(row)], row)
    assert batches_DK.shape[1] == max(map(len, rows))
    assert min(map(len, rows)) > 0
    for label in np.unique(labels_N):
        # Counts of a class differ by at most one between batches.
        of_class = [row[labels_N[row] == label] for row in rows]
        counts = [len(members) for members in of_class]
        assert max(counts) - min(counts) <= 1
        # No candidate of a class lies nearer than one of the same class in an earlier batch.
        keys = np.concatenate([key_N[members] for members in of_class])
        assert (np.diff(keys) >= 0).all()
    # Inside a batch keys ascend, whatever the class.
    assert all((np.diff(key_N[row]) >= 0).all() for row in rows)


def test_a_pool_cut_by_hand() -> None:
    key_N = np.array([0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.4])
    labels_N = np.array([0, 0, 0, 0, 1, 1, 1])

    # Class 0 in order: 1 3 2 0; class 1: 5 6 4, of which the first batch takes two.
    assert cut_into_batches(key_N, labels_N, 2).tolist() == [[1, 5, 3, 6], [2, 4, 0, -1]]


def test_candidates_of_equal_keys_stay_in_the_order_of_the_pool() -> None:
    assert cut_into_batches(np.zeros(6), np.zeros(6, dtype=int), 2).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


def test_so_many_batches_that_one_stays_empty_are_an_input_error() -> None:
    labels_N = np.repeat([0, 1], [7, 5])

    assert cut_into_batches(np.arange(12.0), labels_N, 7).shape == (7, 2)
    with pytest.raises(InputError, match=r"num_batches is 8, but no class has more than 7"):
        cut_into_batches(np.arange(12.0), labels_N, 8)
