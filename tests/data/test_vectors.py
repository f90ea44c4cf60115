"""Vectors that cannot be computed with are found, and what they hold is told."""

from typing import Any

import numpy as np
import pytest

from rlsel.data.vectors import LARGEST, find_unusable


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint64])
def test_ordinary_numbers_of_any_type_can_be_used(dtype: Any) -> None:
    assert find_unusable(np.arange(15).reshape(5, 3).astype(dtype)) is None


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (np.nan, np.float16, "NaN"),
        (np.inf, np.float16, "infinity"),
        (-np.inf, np.float32, "infinity"),
        (1e30, np.float32, "1e+30, and 1e+15 is the largest number that can be computed with"),
        (-2e15, np.float32, "-2e+15, and 1e+15 is the largest number that can be computed with"),
        (1e300, np.float64, "1e+300, and 1e+15 is the largest number that can be computed with"),
        (10**18, np.int64, "1e+18, and 1e+15 is the largest number that can be computed with"),
    ],
)
def test_the_first_row_tells_what_it_holds(value: Any, dtype: Any, said: str) -> None:
    values_NF = np.ones((7, 3), dtype)
    values_NF[2, 1] = value
    values_NF[5] = value

    found = find_unusable(values_NF)

    assert found is not None
    assert found.rows.tolist() == [2, 5]
    assert found.said == said


def test_distances_between_the_largest_vectors_do_not_overflow() -> None:
    largest_NF = np.full((2, 4096), LARGEST, np.float32) * np.float32([[1], [-1]])

    assert find_unusable(largest_NF) is None
    assert np.isfinite(((largest_NF[0] - largest_NF[1]) ** 2).sum())
