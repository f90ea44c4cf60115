"""The rivals of the controller keep what their rule says, and as many as they may."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_table import small_table

from rlsel.features import CandidateTable
from rlsel.selectors import SELECTORS, BaselineInputs, Selection
from rlsel.selectors.baselines import centroid, keep_all, oracle, real_only, uniform
from rlsel.selectors.peers import PEERS

TABLE = small_table()
NUM = len(TABLE.labels)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def inputs(num_keep: int = 23, num_rounds: int = 5, **others) -> BaselineInputs:
    return BaselineInputs(TABLE, num_keep, num_rounds, **others)


@given(num_keep=st.integers(0, NUM))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_uniform_and_centroid_keep_exactly_as_many_as_the_controller(num_keep: int) -> None:
    for select in (uniform, centroid):
        selection = select(inputs(num_keep), rng())
        assert (selection.masks_RN.sum(axis=1) == num_keep).all()


@pytest.mark.parametrize("method", ["uniform", "centroid"])
def test_where_the_mix_of_classes_is_fixed_it_is_so_for_all(method: str) -> None:
    given = inputs(num_keep=23, num_rounds=3, num_keep_C=(3, 13, 7))

    for mask_N in SELECTORS[method](given, rng()).masks_RN:
        assert np.bincount(TABLE.labels[mask_N]).tolist() == [3, 13, 7]


def test_real_only_keeps_nothing_and_keep_all_everything() -> None:
    assert real_only(inputs(), rng()).num_kept == 0
    assert keep_all(inputs(), rng()).num_kept == NUM


def test_every_selector_is_listed_under_the_name_it_answers_to() -> None:
    useful_N = np.arange(NUM) % 2 == 0

    for name in SELECTORS.keys() - PEERS.keys():
        assert SELECTORS[name](inputs(useful_N=useful_N), rng()).method == name


def test_the_generator_alone_decides_a_uniform_selection() -> None:
    once, again, other = (uniform(inputs(), rng(seed)).masks_RN for seed in (3, 3, 4))

    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_a_uniform_selection_is_drawn_afresh_for_every_round() -> None:
    masks_RN = uniform(inputs(num_rounds=5), rng()).masks_RN

    assert len(np.unique(masks_RN, axis=0)) == 5


def test_a_uniform_selection_favours_nobody() -> None:
    masks_RN = uniform(inputs(num_keep=23, num_rounds=4001), rng()).masks_RN

    share_N = masks_RN.mean(axis=0)

    p = 23 / NUM
    assert np.abs(share_N - p).max() < 5 * np.sqrt(p * (1 - p) / 4001)


def test_without_rounds_there_is_still_one_mask() -> None:
    assert uniform(inputs(num_rounds=0), rng()).masks_RN.shape == (1, NUM)


def naive_order(table: CandidateTable, label: int) -> list[int]:
    """A class in the order of the rule: those astray last, then by distance."""
    members = [n for n in range(len(table.labels)) if table.labels[n] == label]
    astray = {n: table.other_distance[n] < table.own_distance[n] for n in members}
    return sorted(members, key=lambda n: (astray[n], table.own_distance[n]))


@pytest.mark.parametrize("num_keep", [1, 7, 23, 47, 60])
def test_centroid_keeps_the_first_of_each_class_in_the_order_of_the_rule(num_keep: int) -> None:
    kept_N = centroid(inputs(num_keep), rng()).kept_N

    for label in range(3):
        order = naive_order(TABLE, label)
        number = int(kept_N[order].sum())
        assert kept_N[order].tolist() == [True] * number + [False] * (len(order) - number)
        # Equally much of every class.
        assert number == pytest.approx(num_keep / NUM * len(order), abs=1)


def test_centroid_takes_a_candidate_gone_astray_only_when_no_other_of_its_class_is_left() -> None:
    table = replace(
        small_table(5),
        labels=np.zeros(5, dtype=int),
        own_distance=np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
        other_distance=np.array([0.05, 0.9, 0.9, 0.1, 0.9]),
    )

    selection = centroid(BaselineInputs(table, 4, 1), rng())

    assert selection.kept_N.tolist() == [True, True, True, False, True]
    assert selection.score_N is not None
    assert np.argsort(-selection.score_N).tolist() == [1, 2, 4, 0, 3]


def test_the_oracle_keeps_what_is_useful_and_nothing_else() -> None:
    useful_N = rng().random(NUM) < 0.4

    selection = oracle(inputs(num_keep=3, useful_N=useful_N), rng())

    assert np.array_equal(selection.kept_N, useful_N)


def test_without_a_truth_there_is_no_oracle() -> None:
    with pytest.raises(ValueError, match="truth is known"):
        oracle(inputs(), rng())


def test_a_selection_with_one_mask_serves_every_round() -> None:
    masks_RN = np.array([[True, False, True], [False, True, False]])
    one, two = Selection("a", masks_RN[:1]), Selection("b", masks_RN)

    assert [one.mask_of_round(r).tolist() for r in range(3)] == [masks_RN[0].tolist()] * 3
    assert [two.mask_of_round(r).tolist() for r in range(3)] == masks_RN[[0, 1, 0]].tolist()
    assert (one.num_kept, two.num_kept) == (2, 2)
