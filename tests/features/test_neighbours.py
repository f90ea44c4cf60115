"""Neighbours and distances against loops by hand and against scikit-learn."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from rlsel.features import neighbours
from rlsel.features.neighbours import (
    knn_label_agreement,
    nearest_distance,
    nearest_other_distance,
)

RNG = np.random.default_rng(0)
FEATURES_NF = RNG.standard_normal((23, 7))
LABELS_N = RNG.integers(3, size=23)
REFERENCE_MF = RNG.standard_normal((41, 7))
REFERENCE_LABELS_M = RNG.integers(3, size=41)


def cosine_distance(one_F: np.ndarray, other_F: np.ndarray) -> float:
    return float(1 - one_F @ other_F / np.linalg.norm(one_F) / np.linalg.norm(other_F))


def agreement(num_neighbours: int) -> np.ndarray:
    return knn_label_agreement(
        FEATURES_NF, LABELS_N, REFERENCE_MF, REFERENCE_LABELS_M, num_neighbours
    )


@pytest.mark.parametrize("num_neighbours", [1, 5, 25, 41])
def test_the_agreement_is_the_probability_that_scikit_learn_gives_the_label(
    num_neighbours: int,
) -> None:
    voting = KNeighborsClassifier(num_neighbours, weights="distance", metric="cosine")
    voting.fit(REFERENCE_MF, REFERENCE_LABELS_M)

    expected_N = voting.predict_proba(FEATURES_NF)[np.arange(23), LABELS_N]

    assert agreement(num_neighbours) == pytest.approx(expected_N)


@pytest.mark.parametrize("num_neighbours", [1, 5, 25, 41])
def test_the_agreement_is_that_of_a_naive_loop(num_neighbours: int) -> None:
    expected = []
    for feature_F, label in zip(FEATURES_NF, LABELS_N, strict=True):
        distances = [cosine_distance(feature_F, reference_F) for reference_F in REFERENCE_MF]
        nearest = sorted(range(41), key=lambda m: distances[m])[:num_neighbours]
        votes = [(1 / distances[m], REFERENCE_LABELS_M[m] == label) for m in nearest]
        expected.append(sum(w for w, agrees in votes if agrees) / sum(w for w, _ in votes))

    assert agreement(num_neighbours) == pytest.approx(np.array(expected))


def test_with_fewer_reference_images_than_neighbours_all_of_them_vote() -> None:
    assert np.array_equal(agreement(1000), agreement(41))


@pytest.mark.parametrize(("label", "expected"), [(0, 1.0), (1, 0.0)])
def test_an_image_that_is_there_already_outvotes_all_others(label: int, expected: float) -> None:
    reference_MF = np.concatenate((REFERENCE_MF, FEATURES_NF[:1]))
    labels_M = np.append(np.ones(41, dtype=np.int64), 0)

    share_1 = knn_label_agreement(
        FEATURES_NF[:1], np.array([label]), reference_MF, labels_M, num_neighbours=25
    )

    assert share_1[0] == pytest.approx(expected, abs=1e-3)


def test_the_length_of_a_feature_does_not_matter() -> None:
    scale_N1 = RNG.uniform(0.1, 10, (23, 1))

    longer_N = knn_label_agreement(
        scale_N1 * FEATURES_NF, LABELS_N, 3 * REFERENCE_MF, REFERENCE_LABELS_M, 5
    )

    assert longer_N == pytest.approx(agreement(5))


def test_the_nearest_reference_image_is_that_of_a_naive_loop() -> None:
    expected = [min(cosine_distance(f, r) for r in REFERENCE_MF) for f in FEATURES_NF]

    assert nearest_distance(FEATURES_NF, REFERENCE_MF) == pytest.approx(np.array(expected))


def test_the_nearest_other_image_is_that_of_a_naive_loop() -> None:
    expected = [
        min(cosine_distance(FEATURES_NF[n], FEATURES_NF[m]) for m in range(23) if m != n)
        for n in range(23)
    ]

    assert nearest_other_distance(FEATURES_NF) == pytest.approx(np.array(expected))


def test_a_twin_is_at_distance_zero_and_nobody_is_as_far_as_can_be() -> None:
    twins_NF = np.concatenate((FEATURES_NF, FEATURES_NF[4:5]))

    distance_N = nearest_other_distance(twins_NF)

    assert np.flatnonzero(distance_N < 1e-9).tolist() == [4, 23]
    assert nearest_other_distance(FEATURES_NF[:1]).tolist() == [2.0]


def test_images_that_point_away_from_each_other_are_at_distance_two() -> None:
    opposite_NF = np.array([[1.0, 2.0], [-2.0, -4.0]])

    assert nearest_other_distance(opposite_NF) == pytest.approx([2.0, 2.0])
    assert nearest_distance(opposite_NF[:1], opposite_NF[1:]) == pytest.approx([2.0])


@pytest.mark.parametrize(
    "compute",
    [
        lambda: agreement(5),
        lambda: nearest_distance(FEATURES_NF, REFERENCE_MF),
        lambda: nearest_other_distance(FEATURES_NF),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 22, 23])
def test_comparing_in_chunks_changes_nothing(
    compute: Callable[[], np.ndarray], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_N = compute()

    monkeypatch.setattr(neighbours, "MOST_DISTANCES", chunk * 41)

    assert compute() == pytest.approx(whole_N, abs=1e-12)
