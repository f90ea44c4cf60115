"""A head is the exact optimum of its penalised loss, however many are solved beside it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from rlsel.heads import HeadFeatures, LogisticHeads, head_logits
from rlsel.heads.logistic import L2, NUM_COMPONENTS
from rlsel.rewards.probe import ProbeConfig

SIZE = 7


def random_case(seed: int, num_classes: int, num: int = 61) -> tuple[np.ndarray, np.ndarray]:
    """Features with a last column of ones, and labels they tell a little of."""
    rng = np.random.default_rng(seed)
    labels_N = np.append(np.arange(num_classes), rng.integers(num_classes, size=num - num_classes))
    x_NF = rng.standard_normal((num, SIZE)) + 2 * np.eye(num_classes, SIZE)[labels_N]
    return np.column_stack((x_NF, np.ones(num))), labels_N


def fit_logistic(
    x_NP: np.ndarray, labels_N: np.ndarray, num_classes: int, l2: float, max_steps: int = 30
) -> np.ndarray:
    """The head on all rows."""
    heads = LogisticHeads(
        torch.from_numpy(x_NP), torch.from_numpy(labels_N), num_classes, l2, max_steps
    )
    return heads.fit(torch.ones(1, len(x_NP), dtype=torch.bool))[0].numpy()


def centred(weights_PC: np.ndarray) -> np.ndarray:
    """The same logits up to a number per image: weights whose sum over classes is zero."""
    return weights_PC - weights_PC.mean(axis=1, keepdims=True)


def penalised_loss(
    weights_PC: np.ndarray, x_NP: np.ndarray, labels_N: np.ndarray, l2: float
) -> float:
    log_probability_NC = log_softmax(x_NP @ weights_PC, axis=1)
    loss = -np.mean([row[label] for row, label in zip(log_probability_NC, labels_N, strict=True)])
    # Of two classes' weights w and -w, twice the squares' sum is that of their difference 2 w.
    return float(loss + l2 * (centred(weights_PC) ** 2).sum())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("l2", [1e-3, 1e-2, 1.0])
def test_with_two_classes_it_is_the_optimum_of_scikit_learn(seed: int, l2: float) -> None:
    x_NP, labels_N = random_case(seed, 2)
    reference = LogisticRegression(C=1 / (l2 * 61), fit_intercept=False, tol=1e-10, max_iter=10_000)

    weights_PC = fit_logistic(x_NP, labels_N, 2, l2)

    assert not weights_PC[:, 0].any()
    expected_P = reference.fit(x_NP, labels_N).coef_[0]
    assert weights_PC[:, 1] == pytest.approx(expected_P, abs=1e-3 * np.abs(expected_P).max())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("l2", [1e-3, 1e-2, 1.0])
def test_with_three_classes_it_is_the_optimum_of_scikit_learn(seed: int, l2: float) -> None:
    x_NP, labels_N = random_case(seed, 3)
    # Each class has weights of its own there, and half their squares' sum is the penalty.
    reference = LogisticRegression(
        C=1 / (2 * l2 * 61), fit_intercept=False, tol=1e-10, max_iter=10_000
    )

    weights_PC = centred(fit_logistic(x_NP, labels_N, 3, l2))

    expected_PC = reference.fit(x_NP, labels_N).coef_.T
    assert weights_PC == pytest.approx(expected_PC, abs=1e-3 * np.abs(expected_PC).max())


@given(seed=st.integers(0, 999), num_classes=st.sampled_from([2, 3, 5]))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_the_gradient_of_the_loss_is_zero_at_the_solution(seed: int, num_classes: int) -> None:
    x_NP, labels_N = random_case(seed, num_classes)
    weights_PC = fit_logistic(x_NP, labels_N, num_classes, l2=0.01)

    gradient_PC = np.zeros_like(weights_PC)
    for p, c in np.ndindex(*weights_PC.shape):
        losses = []
        for step in (1e-4, -1e-4):
            moved_PC = weights_PC.copy()
            moved_PC[p, c] += step
            losses.append(penalised_loss(moved_PC, x_NP, labels_N, 0.01))
        gradient_PC[p, c] = (losses[0] - losses[1]) / 2e-4

    assert gradient_PC == pytest.approx(np.zeros_like(gradient_PC), abs=2e-5)


def test_the_numbering_of_the_classes_does_not_change_the_logits() -> None:
    x_NP, labels_N = random_case(0, 3)
    number_C = np.array([2, 0, 1])

    weights_PC = fit_logistic(x_NP, labels_N, 3, 0.01)
    renumbered_PC = fit_logistic(x_NP, number_C[labels_N], 3, 0.01)

    assert centred(renumbered_PC[:, number_C]) == pytest.approx(centred(weights_PC), abs=1e-3)


def test_separable_classes_have_a_finite_solution() -> None:
    x_NP = np.column_stack((np.repeat([-1e3, 1e3], 7), np.ones(14)))
    labels_N = np.repeat([0, 1], 7)

    weights_PC = fit_logistic(x_NP, labels_N, 2, l2=1e-6)

    assert np.isfinite(weights_PC).all()
    assert ((x_NP @ weights_PC).argmax(axis=1) == labels_N).all()


def test_a_class_without_images_is_never_predicted() -> None:
    x_NP, labels_N = random_case(0, 2)

    logits_NC = x_NP @ fit_logistic(x_NP, labels_N, 3, l2=1e-3)

    assert np.isfinite(logits_NC).all()
    assert (logits_NC.argmax(axis=1) != 2).all()


def test_fewer_steps_than_needed_still_lower_the_loss() -> None:
    x_NP, labels_N = random_case(0, 3)

    losses = [
        penalised_loss(fit_logistic(x_NP, labels_N, 3, 1e-4, max_steps), x_NP, labels_N, 1e-4)
        for max_steps in (1, 2, 4, 30)
    ]

    assert losses == sorted(losses, reverse=True)
    assert losses[0] < np.log(3)


def test_features_of_a_head_are_principal_components_at_one_common_scale() -> None:
    rng = np.random.default_rng(0)
    training_NF = rng.standard_normal((61, SIZE)) * np.arange(1, SIZE + 1) + 5

    features = HeadFeatures(3, training_NF)

    x_NP = features.training_NP
    assert x_NP.shape == (61, 4)
    assert (x_NP[:, -1] == 1).all()
    covariance_PP = x_NP[:, :3].T @ x_NP[:, :3] / 61
    # Uncorrelated, the largest first, of unit mean square, their ratios as in the data.
    assert covariance_PP == pytest.approx(np.diag(np.diag(covariance_PP)), abs=1e-9)
    assert np.trace(covariance_PP) == pytest.approx(3)
    values = np.linalg.eigvalsh(np.cov(training_NF.T))[:-4:-1]
    assert np.diag(covariance_PP) == pytest.approx(3 * values / values.sum())


def test_other_images_are_projected_on_the_components_of_the_training_images() -> None:
    rng = np.random.default_rng(0)
    training_NF = rng.standard_normal((61, SIZE))
    features = HeadFeatures(3, training_NF)

    assert features.project(training_NF[5:9]) == pytest.approx(features.training_NP[5:9])


def test_features_of_low_rank_have_no_more_components_than_that() -> None:
    rng = np.random.default_rng(0)
    training_NF = rng.standard_normal((61, 2)) @ rng.standard_normal((2, SIZE))

    features = HeadFeatures(5, training_NF)

    assert features.training_NP.shape == (61, 3)


def test_features_that_are_all_alike_leave_the_head_its_bias() -> None:
    features = HeadFeatures(48, np.ones((11, SIZE)))

    assert np.isfinite(features.training_NP).all()
    assert features.training_NP[:, :-1] == pytest.approx(np.zeros((11, 1)))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_heads_solved_together_are_those_solved_one_by_one(num_classes: int) -> None:
    x_NP, labels_N = random_case(0, num_classes, num=211)
    used_MN = np.random.default_rng(1).random((23, 211)) < np.linspace(0.1, 1, 23)[:, None]
    heads = LogisticHeads(torch.from_numpy(x_NP), torch.from_numpy(labels_N), num_classes, 0.003)

    together_MPC = heads.fit(torch.from_numpy(used_MN)).numpy()

    for used_N, weights_PC in zip(used_MN, together_MPC, strict=True):
        alone_PC = fit_logistic(x_NP[used_N], labels_N[used_N], num_classes, 0.003)
        assert weights_PC == pytest.approx(alone_PC, abs=1e-4)
        grouped_PC = heads.fit(torch.from_numpy(used_N[None]))[0].numpy()
        assert weights_PC == pytest.approx(grouped_PC, abs=1e-9)


def test_what_a_head_says_of_candidates_is_what_its_weights_make_of_them() -> None:
    rng = np.random.default_rng(0)
    labels_N = np.append(np.arange(3), rng.integers(3, size=58))
    train_NF = (rng.standard_normal((61, SIZE)) + 2 * np.eye(3, SIZE)[labels_N]).astype(np.float32)
    candidates_MF = rng.standard_normal((13, SIZE)).astype(np.float32)

    logits_MC = head_logits(train_NF, labels_N, candidates_MF, 3)

    assert (logits_MC.shape, logits_MC.dtype) == ((13, 3), np.float32)
    # Components are a rotation at one scale, so scikit-learn finds the same head without them.
    centred_NF = train_NF - train_NF.mean(axis=0)
    scale = np.sqrt((centred_NF**2).sum() / centred_NF.size)
    x_NP = np.column_stack((centred_NF / scale, np.ones(61)))
    known = LogisticRegression(
        C=1 / (2 * 0.003 * 61), fit_intercept=False, tol=1e-10, solver="newton-cholesky"
    ).fit(x_NP, labels_N)
    x_MP = np.column_stack(((candidates_MF - train_NF.mean(axis=0)) / scale, np.ones(13)))
    expected_MC = x_MP @ known.coef_.T
    assert log_softmax(logits_MC, axis=1) == pytest.approx(
        log_softmax(expected_MC, axis=1), abs=1e-3
    )


def test_the_defaults_of_a_head_are_those_of_the_probe() -> None:
    assert (ProbeConfig().num_components, ProbeConfig().l2) == (NUM_COMPONENTS, L2)
