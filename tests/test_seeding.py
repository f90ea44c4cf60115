"""Every stage has random numbers of its own, and the same ones everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsel.seeding import derive_seed, rng


def test_the_same_seed_and_names_give_the_same_numbers() -> None:
    assert np.array_equal(rng(3, "pool", 1).random(17), rng(3, "pool", 1).random(17))


@pytest.mark.parametrize("other", [(4, "pool", 1), (3, "data", 1), (3, "pool", 2), (3, "pool")])
def test_another_seed_or_name_gives_other_numbers(other: tuple) -> None:
    assert not np.array_equal(rng(*other).random(17), rng(3, "pool", 1).random(17))


def test_the_numbers_of_a_stage_never_change_between_versions() -> None:
    # Old runs could not be repeated otherwise; Python's own `hash` differs in every process.
    assert derive_seed(0, "batches") == 2_617_052_601


@given(seed=st.integers(0, 2**40), name=st.text())
@settings(deadline=None, derandomize=True)
def test_a_derived_seed_has_32_bits(seed: int, name: str) -> None:
    assert 0 <= derive_seed(seed, name) < 2**32


def test_derived_seeds_of_a_thousand_rounds_are_a_thousand() -> None:
    assert len({derive_seed(0, "round", number) for number in range(1000)}) == 1000
