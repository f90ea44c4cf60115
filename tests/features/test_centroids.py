"""Centroids and cosine distances against loops that cannot be wrong."""

import numpy as np
import pytest

from rlsel.features.centroids import (
    class_centroids,
    cosine_distances,
    normalise_rows,
    own_and_other_distance,
)

RNG = np.random.default_rng(0)
FEATURES_NF = RNG.standard_normal((31, 7))
LABELS_N = np.append([0, 1, 2], RNG.integers(3, size=28))
CENTROIDS_CF = class_centroids(FEATURES_NF, LABELS_N, 3)


def naive_distance(a: np.ndarray, b: np.ndarray) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    length_a, length_b = (sum(x * x for x in v) ** 0.5 for v in (a, b))
    return 1.0 - dot / (length_a * length_b)


def test_a_centroid_is_the_mean_feature_of_its_class() -> None:
    for c in range(3):
        members = [f for f, label in zip(FEATURES_NF, LABELS_N, strict=True) if label == c]
        assert CENTROIDS_CF[c] == pytest.approx(sum(members) / len(members))


def test_a_class_without_an_image_has_no_centroid() -> None:
    with pytest.raises(ValueError, match="class 1 has no image"):
        class_centroids(np.ones((4, 3)), np.array([0, 2, 2, 0]), 3)


def test_cosine_distances_are_those_of_a_naive_loop() -> None:
    expected = [[naive_distance(f, c) for c in CENTROIDS_CF] for f in FEATURES_NF]

    assert cosine_distances(FEATURES_NF, CENTROIDS_CF) == pytest.approx(np.array(expected))


def test_cosine_distance_is_zero_one_and_two_for_the_same_a_right_angle_and_the_opposite() -> None:
    features_NF = np.array([[3.0, 0.0], [0.0, 5.0], [-7.0, 0.0]])

    distances_NC = cosine_distances(features_NF, np.array([[2.0, 0.0]]))

    assert distances_NC.ravel().tolist() == [0.0, 1.0, 2.0]


def test_the_length_of_a_feature_does_not_change_its_distances() -> None:
    scaled_NF = FEATURES_NF * RNG.uniform(0.1, 10, (31, 1))

    assert cosine_distances(scaled_NF, CENTROIDS_CF) == pytest.approx(
        cosine_distances(FEATURES_NF, CENTROIDS_CF)
    )


def test_a_feature_of_zeros_is_at_distance_one_from_everything() -> None:
    assert not normalise_rows(np.zeros((1, 7))).any()
    assert cosine_distances(np.zeros((1, 7)), CENTROIDS_CF).tolist() == [[1.0, 1.0, 1.0]]


def test_the_other_distance_is_the_smallest_among_the_other_classes() -> None:
    distances_NC = cosine_distances(FEATURES_NF, CENTROIDS_CF)

    own_N, other_N = own_and_other_distance(distances_NC, LABELS_N)

    for n, label in enumerate(LABELS_N):
        assert own_N[n] == distances_NC[n][label]
        assert other_N[n] == min(distances_NC[n][c] for c in range(3) if c != label)
