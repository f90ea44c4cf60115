"""The sets that are tried before anything is learned."""

from itertools import pairwise

import numpy as np
import pytest
from small_table import small_table

from rlsel.selectors.free import ALL, FRACTIONS, NONE, FreeSet, FreeSets, free_sets

TABLE = small_table()
LABELS = TABLE.labels
SIZES = np.bincount(LABELS)
FREE = ((0.0, 1.0),) * len(SIZES)
SCORES = {"up": np.arange(len(LABELS)).astype(float), "down": -np.arange(len(LABELS)).astype(float)}


def by_score(sets: list[FreeSet], score: str) -> list[FreeSet]:
    return [one for one in sets if one.score == score]


def test_none_and_all_come_first() -> None:
    first, second, *_ = free_sets(SCORES, LABELS, FREE)

    assert (first.score, first.fraction, first.kept_N.any()) == (NONE, 0.0, False)
    assert (second.score, second.fraction, second.kept_N.all()) == (ALL, 1.0, True)


def test_a_set_holds_the_best_of_each_class_in_equal_shares() -> None:
    sets = by_score(free_sets(SCORES, LABELS, FREE, fractions=(0.25, 0.5)), "up")

    for fraction, one in zip((0.25, 0.5), sets, strict=True):
        for label, size in enumerate(SIZES):
            members = np.flatnonzero(label == LABELS)
            kept = np.flatnonzero(one.kept_N & (label == LABELS))
            assert len(kept) == int(fraction * size + 0.5)
            assert kept.tolist() == members[len(members) - len(kept) :].tolist()


def test_larger_sets_of_a_score_hold_the_smaller_ones() -> None:
    sets = by_score(free_sets(SCORES, LABELS, FREE), "down")

    assert len(sets) == len(FRACTIONS)
    for smaller, larger in pairwise(sets):
        assert (larger.kept_N | ~smaller.kept_N).all()
        assert larger.kept_N.sum() > smaller.kept_N.sum()


def test_equal_sets_are_tried_once() -> None:
    twice = {"up": SCORES["up"], "also up": 2 * SCORES["up"] + 1}

    sets = free_sets(twice, LABELS, FREE)

    assert not by_score(sets, "also up")
    assert len(by_score(sets, "up")) == len(FRACTIONS)


def test_candidates_of_equal_score_are_taken_by_lot_and_not_in_the_order_of_the_pool() -> None:
    constant = {"constant": np.zeros(len(LABELS))}

    half = by_score(free_sets(constant, LABELS, FREE, fractions=(0.5,)), "constant")[0]

    first = np.flatnonzero(LABELS == 0)[: half.kept_N[LABELS == 0].sum()]
    assert not half.kept_N[first].all()


def test_a_share_outside_of_a_range_is_moved_into_it() -> None:
    ranges = ((0.3, 0.6), (0.0, 1.0), (1.0, 1.0))

    for one in free_sets(SCORES, LABELS, ranges):
        share_C = np.bincount(LABELS[one.kept_N], minlength=3) / SIZES
        assert 0.3 - 0.5 / SIZES[0] <= share_C[0] <= 0.6 + 0.5 / SIZES[0]
        assert share_C[2] == 1.0


def test_with_one_share_for_all_a_score_has_one_set() -> None:
    sets = free_sets(SCORES, LABELS, ((0.5, 0.5),) * 3)

    assert [one.score for one in sets] == [NONE, "up", "down"]
    assert {round(one.fraction, 1) for one in sets} == {0.5}


@pytest.mark.parametrize(
    ("values", "best"),
    [([0.1, 0.3, 0.2], 1), ([0.3, 0.3, 0.3], 0), ([np.nan, 0.1, 0.2], 2), ([np.nan] * 3, 0)],
)
def test_the_best_is_chosen_on_reward_val_and_ties_go_to_the_first(
    values: list[float], best: int
) -> None:
    sets = tuple(free_sets(SCORES, LABELS, FREE, fractions=(0.5,))[:3])
    tried = FreeSets(sets, np.array(values), np.array([0.9, 0.1, 0.5]), SCORES)

    assert tried.best == best
    assert tried.selection.method == "free"
    assert np.array_equal(tried.selection.kept_N, sets[best].kept_N)
