"""Cutting and drawing: nobody is divided, nothing is lost, proportions hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsel.data.stratify import apportion, cut, draw
from rlsel.errors import InputError

SHARES = (0.7, 0.1, 0.2)
labels_of = st.lists(st.integers(0, 2), min_size=3, max_size=150).map(np.array)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(labels_of, st.integers(3, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_patient_is_in_two_parts(labels: np.ndarray, num_patients: int, seed: int) -> None:
    patients = np.arange(len(labels)) % num_patients
    parts = cut(labels, patients.astype(str), SHARES, generator(seed))

    owners = [set(patients[part]) for part in parts]

    assert all(owners)
    assert sum(map(len, owners)) == len(set.union(*owners))


@given(labels_of, st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_image_is_in_exactly_one_part(
    labels: np.ndarray, by_patient: bool, seed: int
) -> None:
    patients = (np.arange(len(labels)) % 3).astype(str) if by_patient else None

    parts = cut(labels, patients, SHARES, generator(seed))

    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(labels)))


@given(labels_of, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_cut_without_patients_gives_each_part_its_share_of_each_class_to_within_an_image(
    labels: np.ndarray, seed: int
) -> None:
    parts = cut(labels, None, SHARES, generator(seed))

    for label, total in enumerate(np.bincount(labels)):
        for part, share in zip(parts, SHARES, strict=True):
            got = np.count_nonzero(labels[part] == label)
            # One more where a part that would have got none takes one.
            assert abs(got - share * total) < (1 if total >= 10 else 2)


def test_a_cut_by_many_patients_comes_close_to_its_shares() -> None:
    labels = np.arange(3000) % 3
    patients = generator().integers(0, 100, 3000).astype(str)

    parts = cut(labels, patients, SHARES, generator(1))

    for part, share in zip(parts, SHARES, strict=True):
        assert np.bincount(labels[part]) / 1000 == pytest.approx([share] * 3, abs=0.03)


def test_the_same_seed_cuts_the_same() -> None:
    labels, patients = np.arange(90) % 2, (np.arange(90) // 5).astype(str)

    once, again = (cut(labels, patients, SHARES, generator(7)) for _ in range(2))

    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_fewer_patients_than_parts_is_an_input_error() -> None:
    with pytest.raises(InputError, match="2 patients cannot be split into 3 sets"):
        cut(np.array([0, 1, 0, 1]), np.array(list("aabb")), SHARES, generator())


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(0, 500))
def test_apportioned_numbers_sum_to_the_total(weights: list[int], total: int) -> None:
    assert apportion(np.array(weights), total).sum() == total


@given(labels_of, st.data())
@settings(deadline=None)
def test_a_draw_has_exactly_the_number_asked_for_and_the_rest_is_left(
    labels: np.ndarray, data: st.DataObject
) -> None:
    num = data.draw(st.integers(1, len(labels)))

    drawn, left = draw(labels, num, generator())

    assert len(drawn) == num
    assert np.sort(np.concatenate((drawn, left))).tolist() == list(range(len(labels)))


def test_a_draw_keeps_class_proportions() -> None:
    labels = np.repeat([0, 1], [3931, 2757])

    drawn, _ = draw(labels, 500, generator())

    assert np.bincount(labels[drawn]).tolist() == [294, 206]


def test_a_larger_draw_contains_a_smaller_one() -> None:
    labels = np.arange(200) % 2

    small, large = (set(draw(labels, num, generator(3))[0]) for num in (50, 100))

    assert small < large
