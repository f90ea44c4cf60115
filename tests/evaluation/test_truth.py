"""How much of a planted truth was found, against counts by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from envs import SelectionProblem
from rlsel.evaluation import find_truth, kinds_kept
from rlsel.evaluation.truth import auc_within_batches, batch_of_candidates
from rlsel.selectors import Selection

USEFUL_N = np.array([True, False, True, False, True])
PROBLEM = SelectionProblem(
    batches_DK=np.array([[3, 0], [4, -1], [1, 2]]),
    descriptors_NF=np.zeros((5, 1), dtype=np.float32),
    labels_N=np.array([0, 1, 0, 0, 1]),
    num_classes=2,
)


def test_batches_of_two_shards_rank_by_their_place_in_the_shard() -> None:
    shards = SelectionProblem(
        batches_DK=np.array([[0], [1], [2], [3]]),
        descriptors_NF=np.zeros((4, 1), dtype=np.float32),
        labels_N=np.array([0, 1, 0, 1]),
        num_classes=2,
        num_shards=2,
    )
    first_N = np.array([True, False, True, False])  # of each shard

    found = find_truth([], {}, shards, first_N, 2)

    assert found["batch_index"]["auc"] == 1.0


def mask(*kept: int) -> np.ndarray:
    return np.isin(np.arange(5), kept)[None]


def find(*selections: Selection, num_keep: int = 2, **free_scores: list[float]) -> dict:
    arrays = {name: np.array(values) for name, values in free_scores.items()}
    return find_truth(selections, arrays, PROBLEM, USEFUL_N, num_keep)


def test_every_candidate_has_the_number_of_its_batch() -> None:
    assert batch_of_candidates(PROBLEM).tolist() == [0, 2, 2, 0, 1]


def test_precision_and_recall_are_shares_of_the_kept_and_of_the_useful() -> None:
    found = find(Selection("keep_all", mask(0, 1, 2, 3, 4)), Selection("centroid", mask(0, 3)))

    assert found["keep_all"]["precision"] == pytest.approx(3 / 5)
    assert found["keep_all"]["recall"] == 1
    assert found["centroid"]["precision"] == pytest.approx(1 / 2)
    assert found["centroid"]["recall"] == pytest.approx(1 / 3)


def test_a_ranking_is_judged_by_the_pairs_it_has_in_order() -> None:
    score_N = np.array([0.9, 0.8, 0.7, 0.2, 0.1])

    found = find(Selection("controller", mask(0, 1), score_N))

    # Useful 0, 2, 4 against useless 1, 3: 0 beats both, 2 beats 3, 4 beats none.
    assert found["controller"]["auc"] == pytest.approx(3 / 6)


def test_a_method_without_a_ranking_has_no_auc() -> None:
    assert np.isnan(find(Selection("uniform", mask(0, 1)))["uniform"]["auc"])


def test_a_free_score_is_judged_at_the_budget_of_the_controller() -> None:
    found = find(own_distance=[0.9, 0.8, 0.7, 0.2, 0.1], num_keep=3)

    assert found["own_distance"] == {
        "auc": pytest.approx(3 / 6),
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
    }


def test_the_order_of_the_batches_alone_is_judged_too() -> None:
    found = find()

    # Batches 0 2 2 0 1: useful 0 ties with 3 and beats 1; 2 ties with 1, loses to 3; 4 wins one.
    assert found["batch_index"]["auc"] == pytest.approx((1 / 2 + 1 + 1 / 2 + 1) / 6)


def test_within_batches_only_pairs_of_the_same_batch_count() -> None:
    score_N = np.array([0.9, 0.8, 0.7, 0.2, 0.1])

    # 0 beats 3 in the first batch, 2 loses to 1 in the last; the middle one has no pair.
    found = find(Selection("controller", mask(0, 1), score_N))

    assert found["controller_within_batches"]["auc"] == pytest.approx(1 / 2)
    assert np.isnan(found["controller_within_batches"]["precision"])


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_auc_within_batches_is_weighted_by_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score_N = rng.integers(7, size=41).astype(float)
    useful_N, batch_N = rng.random(41) < 0.5, rng.integers(3, size=41)
    right = pairs = 0.0
    for i in np.flatnonzero(useful_N):
        for j in np.flatnonzero(~useful_N & (batch_N == batch_N[i])):
            pairs += 1
            right += (score_N[i] > score_N[j]) + 0.5 * (score_N[i] == score_N[j])

    assert auc_within_batches(score_N, useful_N, batch_N) == pytest.approx(right / pairs)


def test_with_a_single_batch_it_is_the_whole_auc() -> None:
    rng = np.random.default_rng(0)
    score_N, useful_N = rng.random(41), rng.random(41) < 0.5

    within = auc_within_batches(score_N, useful_N, np.zeros(41, dtype=int))

    assert within == pytest.approx(roc_auc_score(useful_N, score_N))


def test_without_a_pair_there_is_no_auc_within_batches() -> None:
    assert np.isnan(auc_within_batches(np.arange(3.0), np.ones(3, dtype=bool), np.arange(3)))


def test_real_only_keeps_nothing_that_could_be_judged() -> None:
    assert "real_only" not in find(Selection("real_only", mask()))


def test_a_controller_that_keeps_nothing_is_still_judged_by_its_ranking() -> None:
    found = find(Selection("controller", mask(), np.array([0.3, 0.1, 0.3, 0.1, 0.3]) / 9))

    assert found["controller"] == {"auc": 1.0, "precision": 0.0, "recall": 0.0}


def test_kinds_are_counted_for_every_method() -> None:
    kinds_N = np.array(["right", "wrong", "right", "blurred", "right"])
    selections = [Selection("centroid", mask(0, 1, 2)), Selection("controller", mask(4))]
    probability_N = np.array([0.1, 0.2, 0.3, 0.4, 0.8])

    kinds = kinds_kept(kinds_N, selections, probability_N)

    assert kinds == {
        "blurred": {
            "count": 1, "kept": {"centroid": 0, "controller": 0}, "mean_keep_probability": 0.4,
        },
        "right": {
            "count": 3,
            "kept": {"centroid": 2, "controller": 1},
            "mean_keep_probability": pytest.approx(0.4),
        },
        "wrong": {
            "count": 1, "kept": {"centroid": 1, "controller": 0}, "mean_keep_probability": 0.2,
        },
    }  # fmt: skip


def test_without_a_controller_kinds_have_no_keep_probability() -> None:
    kinds = kinds_kept(np.array(["a"] * 5), [Selection("centroid", mask(0))], None)

    assert np.isnan(kinds["a"]["mean_keep_probability"])
