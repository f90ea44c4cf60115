"""The cheapest fidelity: a logistic head on frozen features, refitted for every set of candidates.

Shape letters: N training rows, V validation rows, P features of the head, C classes.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from scipy.special import log_softmax

from rlsel.schema import config


@config
class ProbeConfig:
    """A multinomial logistic head with an L2 penalty, on principal components of the features."""

    num_components: Annotated[int, Field(ge=1)] = 48
    """Principal components of real + candidates; the prototype's value (METHOD.md)."""
    l2: Annotated[float, Field(gt=0)] = 0.003
    """Penalty on the squared weights against the mean log-loss, at unit mean squared feature."""
    max_steps: Annotated[int, Field(ge=1)] = 30
    """Newton steps at most."""


def fit_logistic(
    x_NP: Float[np.ndarray, "n p"],
    labels_N: Int[np.ndarray, " n"],
    num_classes: int,
    l2: float,
    max_steps: int = 30,
    tolerance: float = 1e-5,
) -> Float[np.ndarray, "p c"]:
    """Weights of the penalised maximum-likelihood head, by Newton's method with step halving.

    Args:
        x_NP: With a column of ones for the bias, which is penalised like the rest.
        l2: Makes the solution unique and finite, so it depends on the set alone and on no seed.

    Returns:
        Weights; the class with index 0 is the reference, its column is zero. The penalty is on
        what the classes' weights differ by, so logits do not depend on which class that is.
    """
    n, p = x_NP.shape
    free = num_classes - 1
    onehot_NC = np.eye(num_classes)[labels_N][:, 1:]
    theta_PC = np.zeros((p, free))
    penalty_CC = l2 * 2.0 * (np.eye(free) - 1.0 / num_classes)  # `l2` itself with two classes
    loss, residual_NC, probability_NC = _loss(x_NP, onehot_NC, theta_PC, penalty_CC)
    for _ in range(max_steps):
        gradient_PC = x_NP.T @ residual_NC / n + theta_PC @ penalty_CC
        if np.abs(gradient_PC).max() < tolerance:
            break
        hessian = _hessian(x_NP, probability_NC) + np.kron(penalty_CC, np.eye(p))
        step_PC = np.linalg.solve(hessian, gradient_PC.T.ravel()).reshape(free, p).T
        slope = float((gradient_PC * step_PC).sum())
        size = 1.0
        while True:
            trial = _loss(x_NP, onehot_NC, theta_PC - size * step_PC, penalty_CC)
            if trial[0] <= loss - 1e-4 * size * slope or size < 1e-4:
                break
            size /= 2
        theta_PC = theta_PC - size * step_PC
        loss, residual_NC, probability_NC = trial
    return np.concatenate((np.zeros((p, 1)), theta_PC), axis=1)


def _loss(
    x_NP: np.ndarray, onehot_NC: np.ndarray, theta_PC: np.ndarray, penalty_CC: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    logits_NC = x_NP @ theta_PC
    log_probability_NC = log_softmax(np.column_stack((np.zeros(len(x_NP)), logits_NC)), axis=1)
    reference_N = 1.0 - onehot_NC.sum(axis=1)
    likelihood = (log_probability_NC[:, 1:] * onehot_NC).sum() + log_probability_NC[
        :, 0
    ] @ reference_N
    probability_NC = np.exp(log_probability_NC[:, 1:])
    loss = -likelihood / len(x_NP) + float((theta_PC * (theta_PC @ penalty_CC)).sum()) / 2
    return float(loss), probability_NC - onehot_NC, probability_NC


def _hessian(x_NP: np.ndarray, probability_NC: np.ndarray) -> np.ndarray:
    """Second derivatives of the mean log-loss, classes outermost."""
    n, p = x_NP.shape
    free = probability_NC.shape[1]
    hessian = np.empty((free, p, free, p))
    for a in range(free):
        for b in range(free):
            weight_N = probability_NC[:, a] * ((a == b) - probability_NC[:, b])
            hessian[a, :, b, :] = (x_NP * weight_N[:, None]).T @ x_NP / n
    return hessian.reshape(free * p, free * p)


class ProbeFeatures:
    """Features of every split in the coordinates of the head: principal components and a one."""

    def __init__(self, config: ProbeConfig, training_NF: np.ndarray) -> None:
        """Fix the components on `training_NF`: real train images and all candidates."""
        self._mean_F = training_NF.mean(axis=0)
        centred_NF = (training_NF - self._mean_F).astype(np.float64)
        _, s_P, directions_PF = np.linalg.svd(centred_NF, full_matrices=False)
        num = min(config.num_components, int((s_P > 1e-8 * s_P[0]).sum()) or 1)
        # One common scale: whitening would blow up the directions that hold only noise.
        scale = np.sqrt((s_P[:num] ** 2).sum() / len(training_NF) / num)
        self._directions_FP = directions_PF[:num].T / max(scale, 1e-12)
        self.training_NP = self.project(training_NF)

    def project(self, features_NF: np.ndarray) -> np.ndarray:
        projected_NP = (features_NF - self._mean_F).astype(np.float64) @ self._directions_FP
        return np.column_stack((projected_NP, np.ones(len(features_NF))))
