"""What is known of a candidate beforehand, and what must not be."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from small_features import image_set, small_features, small_pool, small_splits

from rlsel.features import CandidateTable, Features, candidates, describe_candidates
from rlsel.features.centroids import class_centroids, cosine_distances
from rlsel.features.neighbours import (
    knn_label_agreement,
    nearest_distance,
    nearest_other_distance,
)
from rlsel.heads import head_logits


def describe(features: Features) -> CandidateTable:
    splits = small_splits()
    return describe_candidates(
        features, small_pool().candidates, splits.train, splits.reward_val, num_neighbours=5
    )


def same(one: CandidateTable, other: CandidateTable) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(CandidateTable)
    )


def test_distances_are_to_centroids_of_real_training_images() -> None:
    features, train = small_features(), small_splits().train
    labels_N = small_pool().candidates.labels

    table = describe(features)

    distances_NC = cosine_distances(
        features.candidates, class_centroids(features.train, train.labels, 3)
    )
    for n, label in enumerate(labels_N):
        assert table.own_distance[n] == distances_NC[n, label]
        assert table.other_distance[n] == np.delete(distances_NC[n], label).min()


def test_neighbours_vote_from_train_and_reward_val() -> None:
    features, splits = small_features(), small_splits()

    table = describe(features)

    expected_N = knn_label_agreement(
        features.candidates,
        small_pool().candidates.labels,
        np.concatenate((features.train, features.reward_val)),
        np.concatenate((splits.train.labels, splits.reward_val.labels)),
        5,
    )
    assert np.array_equal(table.knn_label_agreement, expected_N)


def test_the_label_log_probability_is_that_of_the_extractor() -> None:
    features, labels_N = small_features(), small_pool().candidates.labels

    table = describe(features)

    probability_NC = softmax(features.candidate_logits, axis=1)
    expected_N = np.log(probability_NC[np.arange(41), labels_N])
    assert table.label_log_probability == pytest.approx(expected_N, rel=1e-5)
    assert (table.label_log_probability <= 0).all()


def test_the_margin_is_the_logit_of_its_label_less_the_largest_other_one() -> None:
    features, labels_N = small_features(), small_pool().candidates.labels

    table = describe(features)

    for n, label in enumerate(labels_N):
        logits = features.candidate_logits[n].tolist()
        own = logits.pop(label)
        assert table.margin[n] == pytest.approx(own - max(logits), rel=1e-5)


def test_of_two_classes_the_margin_is_the_log_odds_of_the_label() -> None:
    pool, train, reward_val = (image_set(num, seed, 2) for num, seed in ((41, 5), (29, 1), (17, 2)))
    features = small_features()
    features = replace(features, candidate_logits=features.candidate_logits[:, :2])

    table = describe_candidates(features, pool, train, reward_val, num_neighbours=5)

    probability_N = np.exp(table.label_log_probability)
    assert table.margin == pytest.approx(np.log(probability_N / (1 - probability_N)), abs=1e-4)


def test_the_nearest_real_image_is_one_of_train_and_the_nearest_candidate_another_one() -> None:
    features = small_features()

    table = describe(features)

    expected_N = nearest_distance(features.candidates, features.train)
    assert np.array_equal(table.nearest_real, expected_N)
    assert np.array_equal(table.nearest_candidate, nearest_other_distance(features.candidates))


def test_the_new_head_is_fitted_to_train_and_reward_val_and_to_nothing_else() -> None:
    features, splits = small_features(), small_splits()
    labels_N = small_pool().candidates.labels

    table = describe(features)

    logits_NC = head_logits(
        np.concatenate((features.train, features.reward_val)),
        np.concatenate((splits.train.labels, splits.reward_val.labels)),
        features.candidates,
        3,
    )
    probability_NC = softmax(logits_NC.astype(np.float64), axis=1)
    expected_N = np.log(probability_NC[np.arange(len(labels_N)), labels_N])
    assert table.head_log_probability == pytest.approx(expected_N, abs=1e-5)


def test_of_other_classes_the_nearest_sample_counts() -> None:
    features, splits = small_features(), small_splits()
    labels_N = small_pool().candidates.labels
    real_MF = np.concatenate((features.train, features.reward_val))
    real_labels_M = np.concatenate((splits.train.labels, splits.reward_val.labels))

    table = describe(features)

    for n, label in enumerate(labels_N):
        others_MF = real_MF[real_labels_M != label]
        expected = cosine_distances(features.candidates[n : n + 1], others_MF).min()
        assert table.nearest_other_class[n] == pytest.approx(expected, abs=1e-6)


def test_a_large_pool_is_not_compared_with_itself_unless_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "MOST_COMPARED_WITH_EACH_OTHER", 40)
    features = small_features()
    three = small_pool().candidates, *(image_set(num, seed, 3) for num, seed in ((29, 1), (17, 2)))

    table = describe_candidates(features, *three, 5)
    asked = describe_candidates(features, *three, 5, needs_nearest_candidate=True)

    assert table.nearest_candidate is None
    assert "nearest_candidate" not in table.free_scores
    assert np.array_equal(asked.nearest_candidate, nearest_other_distance(features.candidates))
    assert np.array_equal(asked.own_distance, table.own_distance)


def test_a_table_that_was_made_before_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path))
    table = describe(small_features())
    monkeypatch.setattr(candidates, "_describe", None)

    assert same(describe(small_features()), table)


def test_the_table_does_not_touch_the_logits_it_reads() -> None:
    features = small_features()
    before_NC = features.candidate_logits.copy()

    describe(features)

    assert np.array_equal(features.candidate_logits, before_NC)


def test_selection_val_leaves_no_trace_in_the_table() -> None:
    features = small_features()

    changed = replace(features, selection_val=features.selection_val[::-1] + 1)

    assert same(describe(features), describe(changed))


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val", "candidate_logits"])
def test_everything_else_does_leave_one(name: str) -> None:
    features = small_features()

    changed = replace(features, **{name: getattr(features, name)[::-1]})

    assert not same(describe(features), describe(changed))


def test_a_free_score_of_the_label_ranks_what_is_labelled_right_higher() -> None:
    rng = np.random.default_rng(0)
    pool, splits = image_set(41, 5), small_splits()
    # One direction for each class: a candidate points the way of its label, or of the next class.
    right_N = rng.random(41) < 0.5
    shown_N = np.where(right_N, pool.labels, (pool.labels + 1) % 3)
    means_CF = 3 * np.eye(3, 19, dtype=np.float32)

    def around(labels_N: np.ndarray) -> np.ndarray:
        noise_NF = rng.standard_normal((len(labels_N), 19), dtype=np.float32)
        return means_CF[labels_N] + 0.1 * noise_NF

    features = Features(
        train=around(splits.train.labels),
        candidates=around(shown_N),
        reward_val=around(splits.reward_val.labels),
        selection_val=around(splits.selection_val.labels),
        candidate_logits=means_CF[shown_N, :3],
    )

    table = describe_candidates(features, pool, splits.train, splits.reward_val, 5)

    for name, score_N in table.free_scores.items():
        if name not in ("nearest_real", "nearest_candidate"):  # those know no label
            assert score_N[right_N].min() > score_N[~right_N].max()


def test_a_free_score_ranks_what_is_real_and_what_is_unlike_the_others_higher() -> None:
    features = small_features()
    candidates_NF = features.candidates.copy()
    candidates_NF[3] = features.train[7]
    candidates_NF[11] = candidates_NF[13] + 1e-3

    scores = describe(replace(features, candidates=candidates_NF)).free_scores

    assert scores["nearest_real"].argmax() == 3
    assert set(scores["nearest_candidate"].argsort()[:2]) == {11, 13}
