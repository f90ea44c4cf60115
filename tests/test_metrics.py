"""Metrics against scikit-learn, hand counts, and what must not change them."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from rlsel import metrics

SEEDS = st.integers(0, 2**32 - 1)
ALL = (
    metrics.accuracy,
    metrics.auc,
    metrics.sensitivity,
    metrics.specificity,
    metrics.recalibrated_log_loss,
)


def random_case(seed: int, num_classes: int, num: int = 31) -> tuple[np.ndarray, np.ndarray]:
    """Logits that tell a little of the labels; every class is there."""
    rng = np.random.default_rng(seed)
    labels_N = np.append(np.arange(num_classes), rng.integers(num_classes, size=num - num_classes))
    logits_NC = rng.standard_normal((num, num_classes)) + np.eye(num_classes)[labels_N]
    return logits_NC, labels_N


def predicting(predictions: list[int], num_classes: int) -> np.ndarray:
    return np.eye(num_classes)[predictions]


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_binary_auc_is_that_of_scikit_learn_ties_included(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive_N = np.append([True, False], rng.random(29) < 0.3)
    score_N = rng.integers(5, size=31).astype(float)

    ours = metrics.auc_binary(score_N, positive_N)

    assert ours == pytest.approx(roc_auc_score(positive_N, score_N), abs=1e-12)


def test_an_auc_of_nothing_but_ties_is_one_half() -> None:
    assert metrics.auc_binary(np.ones(7), np.arange(7) < 3) == 0.5


@pytest.mark.parametrize("positive_N", [np.zeros(5, dtype=bool), np.ones(5, dtype=bool)])
def test_an_auc_without_one_of_the_kinds_is_not_a_number(positive_N: np.ndarray) -> None:
    assert np.isnan(metrics.auc_binary(np.arange(5.0), positive_N))


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_auc_of_two_classes_is_that_of_scikit_learn(seed: int) -> None:
    logits_NC, labels_N = random_case(seed, 2)

    expected = roc_auc_score(labels_N, softmax(logits_NC, axis=1)[:, 1])

    assert metrics.auc(logits_NC, labels_N) == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_auc_of_more_classes_is_the_macro_mean_of_scikit_learn(seed: int) -> None:
    logits_NC, labels_N = random_case(seed, 3)

    expected = roc_auc_score(
        labels_N, softmax(logits_NC, axis=1), multi_class="ovr", average="macro"
    )

    assert metrics.auc(logits_NC, labels_N) == pytest.approx(expected, abs=1e-12)


def test_a_class_without_images_is_left_out_of_the_mean_auc() -> None:
    logits_NC, labels_N = random_case(0, 2)
    with_third_NC = np.column_stack((logits_NC, np.full(31, -50.0)))

    expected = metrics.auc(logits_NC, labels_N)

    assert metrics.auc(with_third_NC, labels_N) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 100.0, 1e4])
def test_the_scale_of_two_logits_does_not_change_the_auc(scale: float) -> None:
    # At 100 the probabilities themselves are 1 to the last bit, and would tie.
    logits_NC, labels_N = random_case(0, 2, num=101)

    assert metrics.auc(scale * logits_NC, labels_N) == metrics.auc(logits_NC, labels_N)


def test_accuracy_is_the_share_of_right_predictions() -> None:
    logits_NC = predicting([0, 1, 1, 0, 1, 0, 0], 2)

    assert metrics.accuracy(logits_NC, np.array([0, 1, 0, 1, 1, 1, 0])) == 4 / 7


def test_sensitivity_is_recall_of_class_one_and_specificity_of_class_zero() -> None:
    labels_N = np.array([1, 1, 1, 1, 1, 0, 0, 0])
    logits_NC = predicting([1, 1, 1, 0, 0, 0, 1, 0], 2)

    assert metrics.sensitivity(logits_NC, labels_N) == pytest.approx(3 / 5)
    assert metrics.specificity(logits_NC, labels_N) == pytest.approx(2 / 3)


def test_sensitivity_of_all_negative_predictions_is_zero() -> None:
    labels_N = np.array([0, 1, 1, 0, 1])

    assert metrics.sensitivity(predicting([0] * 5, 2), labels_N) == 0.0
    assert metrics.specificity(predicting([0] * 5, 2), labels_N) == 1.0


def test_with_three_classes_both_are_means_of_one_against_the_rest() -> None:
    labels_N = np.array([0, 0, 0, 1, 1, 2])
    logits_NC = predicting([0, 0, 1, 1, 2, 2], 3)

    # Right among its class: 2 of 3, 1 of 2, 1 of 1; right to say no: 3 of 3, 3 of 4, 4 of 5.
    assert metrics.sensitivity(logits_NC, labels_N) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert metrics.specificity(logits_NC, labels_N) == pytest.approx((1 + 3 / 4 + 4 / 5) / 3)


def test_sensitivity_without_positives_is_not_a_number() -> None:
    assert np.isnan(metrics.sensitivity(predicting([0, 1], 2), np.zeros(2, dtype=int)))


@given(seed=SEEDS, num_classes=st.sampled_from([2, 3]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_log_loss_is_that_of_scikit_learn(seed: int, num_classes: int) -> None:
    logits_NC, labels_N = random_case(seed, num_classes)

    expected = sklearn_log_loss(labels_N, softmax(logits_NC, axis=1))

    assert metrics.log_loss(logits_NC, labels_N) == pytest.approx(expected, rel=1e-9)


@given(
    seed=SEEDS,
    num_classes=st.sampled_from([2, 3]),
    scale=st.floats(1e-3, 1e3),
    bias=st.floats(-100, 100),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_recalibrated_log_loss_ignores_scale_and_bias(
    seed: int, num_classes: int, scale: float, bias: float
) -> None:
    logits_NC, labels_N = random_case(seed, num_classes)
    shifted_NC = scale * logits_NC + bias * np.arange(num_classes)

    expected = metrics.recalibrated_log_loss(logits_NC, labels_N)

    assert metrics.recalibrated_log_loss(shifted_NC, labels_N) == pytest.approx(expected, abs=1e-6)


@given(seed=SEEDS, num_classes=st.sampled_from([2, 3]), scale=st.floats(0.1, 30))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_recalibrated_log_loss_is_never_above_the_raw_one(
    seed: int, num_classes: int, scale: float
) -> None:
    logits_NC, labels_N = random_case(seed, num_classes)
    logits_NC *= scale
    # What the ridge may cost: its value at the raw scale and bias.
    ridge = 0.5e-4 * (logits_NC.std() ** 2 + (logits_NC.mean(axis=0) ** 2).sum())

    recalibrated = metrics.recalibrated_log_loss(logits_NC, labels_N)

    assert recalibrated <= metrics.log_loss(logits_NC, labels_N) + ridge + 1e-6


def test_recalibrated_log_loss_rewards_no_inverted_ranking() -> None:
    logits_NC, labels_N = random_case(0, 2, num=301)
    share_C = np.bincount(labels_N) / 301

    inverted = metrics.recalibrated_log_loss(-logits_NC, labels_N)

    # The best that is left is to say the classes' shares whatever the image.
    assert inverted == pytest.approx(-(share_C * np.log(share_C)).sum(), abs=1e-4)


@given(seed=SEEDS, num_classes=st.sampled_from([2, 3]), spread=st.floats(0.1, 30))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_recalibration_finds_the_optimum_of_scipy(
    seed: int, num_classes: int, spread: float
) -> None:
    # Few images and large logits: undamped Newton steps would diverge.
    logits_NC, labels_N = random_case(seed, num_classes, num=13)
    logits_NC = logits_NC + spread * np.eye(num_classes)[labels_N]

    def objective(theta: np.ndarray) -> float:
        centred_NC = logits_NC - logits_NC.mean(axis=1, keepdims=True)
        centred_NC = centred_NC - centred_NC.mean(axis=0)
        moved_NC = theta[0] * centred_NC / centred_NC.std() + theta[1:]
        return metrics.log_loss(moved_NC, labels_N) + 0.5e-4 * float(theta @ theta)

    start = np.append(1.0, np.zeros(num_classes))
    bounds = [(0, None), *[(None, None)] * num_classes]
    optimum = minimize(objective, start, bounds=bounds, tol=1e-12)

    ours = metrics.recalibrated_log_loss(logits_NC, labels_N)

    assert ours == pytest.approx(optimum.fun - 0.5e-4 * float(optimum.x @ optimum.x), abs=1e-4)


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_recalibrated_log_loss_of_separable_logits_is_small_and_finite(scale: float) -> None:
    labels_N = np.arange(13) % 2

    loss = metrics.recalibrated_log_loss(scale * np.eye(2)[labels_N], labels_N)

    assert 0 < loss < 0.02


def test_recalibrated_log_loss_of_constant_logits_is_the_entropy_of_the_classes() -> None:
    labels_N = np.array([0, 0, 0, 1, 1, 1, 1, 1])

    loss = metrics.recalibrated_log_loss(np.ones((8, 2)), labels_N)

    assert loss == pytest.approx(-(3 / 8 * np.log(3 / 8) + 5 / 8 * np.log(5 / 8)), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_image_with_a_logit_that_is_not_finite_counts_as_wrong(bad: float) -> None:
    labels_N = np.array([0, 0, 1, 1])
    logits_NC = predicting([0, 0, 1, 1], 2)
    logits_NC[0, 1], logits_NC[2, 0] = bad, bad

    assert metrics.accuracy(logits_NC, labels_N) == 0.5
    assert metrics.sensitivity(logits_NC, labels_N) == 0.5
    assert metrics.specificity(logits_NC, labels_N) == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_have_no_auc_and_an_infinite_loss(bad: float) -> None:
    logits_NC, labels_N = random_case(0, 2)
    logits_NC[3, 1] = bad

    assert np.isnan(metrics.auc(logits_NC, labels_N))
    assert metrics.recalibrated_log_loss(logits_NC, labels_N) == np.inf


@given(seed=SEEDS, num_classes=st.sampled_from([2, 3]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_no_metric_depends_on_the_order_of_the_images(seed: int, num_classes: int) -> None:
    logits_NC, labels_N = random_case(seed, num_classes)
    order_N = np.random.default_rng(seed).permutation(len(labels_N))

    for metric in ALL:
        shuffled = metric(logits_NC[order_N], labels_N[order_N])
        assert shuffled == pytest.approx(metric(logits_NC, labels_N), abs=1e-6)


def test_whatever_may_be_the_reward_is_a_metric() -> None:
    assert set(get_args(metrics.Metric)) <= set(metrics.METRICS)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_metric_is_higher_for_logits_that_are_right(name: str) -> None:
    logits_NC, labels_N = random_case(0, num_classes=3)
    measure = metrics.METRICS[name]

    assert measure.of(5.0 * np.eye(3)[labels_N], labels_N) > measure.of(logits_NC, labels_N)


def test_a_metric_that_is_no_longer_known_is_called_by_its_name() -> None:
    assert [metrics.title_of(name) for name in ("auc", "validation_accuracy")] == [
        "AUC",
        "validation accuracy",
    ]
