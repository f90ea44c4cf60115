"""Pure metric functions over logits, and the table of those that a run knows, `METRICS`.

Shape letters: N images, C classes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import log_softmax, logsumexp
from scipy.stats import rankdata

RECALIBRATION_STEPS = 50
"""Newton steps at most; nearly always fewer than ten are taken."""


def accuracy(logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]) -> float:
    """Share of images whose largest logit is their class's. NaN logits count as wrong."""
    right_N = (logits_NC.argmax(axis=1) == labels_N) & np.isfinite(logits_NC).all(axis=1)
    return float(right_N.mean())


def auc_binary(score_N: np.ndarray, positive_N: Bool[np.ndarray, " n"]) -> float:
    """Area under the ROC curve: the chance that a positive outranks a negative, ties counting half.

    Returns NaN where one of the two kinds is absent or a score is NaN.
    """
    num_positive = int(positive_N.sum())
    num_negative = len(positive_N) - num_positive
    if num_positive == 0 or num_negative == 0 or np.isnan(score_N).any():
        return float("nan")
    ranks_N = rankdata(score_N)
    above = ranks_N[positive_N].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))


def by_rank(score_N: np.ndarray, rng: np.random.Generator | None = None) -> Int[np.ndarray, " n"]:
    """Indices from the highest score to the lowest.

    Ties go by lot, since a pool may be stored good ones first; without `rng` always by the same.
    """
    lot_N = (rng or np.random.default_rng(0)).permutation(len(score_N))
    return np.lexsort((lot_N, -score_N))


def auc(logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]) -> float:
    """Area under the ROC curve; the unweighted mean over classes, one against the rest.

    With two classes it is the usual binary AUC, since the two one-against-rest curves agree.
    Classes without images are left out of the mean. NaN where a logit is not finite.
    """
    if not np.isfinite(logits_NC).all():
        return float("nan")
    num_classes = logits_NC.shape[1]
    classes = range(num_classes) if num_classes > 2 else [1]
    values = [auc_binary(_log_odds(logits_NC, c), labels_N == c) for c in classes]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _log_odds(logits_NC: np.ndarray, c: int) -> np.ndarray:
    """Ranks images like p(c), which rounds to 1, and so ties them, where logits are large."""
    others_NC = np.delete(logits_NC.astype(np.float64), c, axis=1)
    return logits_NC[:, c] - logsumexp(others_NC, axis=1)


def sensitivity(logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]) -> float:
    """Recall of the positive class (index 1); with more classes the mean over one-against-rest."""
    return _mean_recall(logits_NC, labels_N, of_positives=True)


def specificity(logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]) -> float:
    """Recall of the negatives (index 0); with more classes the mean over one-against-rest."""
    return _mean_recall(logits_NC, labels_N, of_positives=False)


def _mean_recall(logits_NC: np.ndarray, labels_N: np.ndarray, of_positives: bool) -> float:
    predicted_N = logits_NC.argmax(axis=1)
    finite_N = np.isfinite(logits_NC).all(axis=1)  # as for accuracy, what is not finite is wrong
    num_classes = logits_NC.shape[1]
    recalls = []
    for c in range(num_classes) if num_classes > 2 else [1]:
        among_N = (labels_N == c) == of_positives
        if among_N.any():
            right_N = ((predicted_N == c) == of_positives) & finite_N
            recalls.append(right_N[among_N].mean())
    return float(np.mean(recalls)) if recalls else float("nan")


def log_loss(logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]) -> float:
    """Mean negative log-probability of the true class, in nats."""
    log_probability_NC = log_softmax(logits_NC.astype(np.float64), axis=1)
    return float(-log_probability_NC[np.arange(len(labels_N)), labels_N].mean())


def recalibrated_log_loss(
    logits_NC: Float[np.ndarray, "n c"], labels_N: Int[np.ndarray, " n"]
) -> float:
    """Log-loss after refitting one scale and one bias per class on these same labels.

    The raw log-loss rewards wrong labels for curing over-confidence (METHOD: AUC .20); refitted it
    measures ranking alone; the scale is not negative, so an inverted ranking earns nothing. A
    ridge on the scale and bias keeps separable logits finite. Not finite logits give infinity.
    """
    if not np.isfinite(logits_NC).all():
        return float("inf")
    num_classes = logits_NC.shape[1]
    logits_NC = logits_NC.astype(np.float64)
    # What a bias can undo, or the softmax ignores, goes first: the ridge must not pay for it.
    logits_NC = logits_NC - logits_NC.mean(axis=1, keepdims=True)
    logits_NC = logits_NC - logits_NC.mean(axis=0)
    logits_NC = logits_NC / max(float(logits_NC.std()), 1e-12)
    scale, bias_C = _recalibrate(logits_NC, np.eye(num_classes)[labels_N])
    if scale < 0:
        scale, bias_C = _recalibrate(np.zeros_like(logits_NC), np.eye(num_classes)[labels_N])
    return log_loss(scale * logits_NC + bias_C, labels_N)


def _recalibrate(logits_NC: np.ndarray, onehot_NC: np.ndarray) -> tuple[float, np.ndarray]:
    """The scale and biases of least log-loss, by Newton's method with step halving.

    Undamped steps diverge where few real images leave logits nearly separable (METHOD).
    """
    n, num_classes = logits_NC.shape
    ridge = 1e-4

    def loss_at(theta: np.ndarray) -> tuple[float, np.ndarray]:
        log_probability_NC = log_softmax(theta[0] * logits_NC + theta[1:], axis=1)
        loss = -(log_probability_NC * onehot_NC).sum() / n + 0.5 * ridge * theta @ theta
        return float(loss), np.exp(log_probability_NC)

    theta = np.concatenate(([1.0], np.zeros(num_classes)))
    loss, probability_NC = loss_at(theta)
    for _ in range(RECALIBRATION_STEPS):
        residual_NC = (probability_NC - onehot_NC) / n
        gradient = np.concatenate(([(residual_NC * logits_NC).sum()], residual_NC.sum(axis=0)))
        gradient += ridge * theta
        if np.abs(gradient).max() < 1e-9:
            break
        step = np.linalg.solve(_recalibration_hessian(logits_NC, probability_NC, ridge), gradient)
        slope, size = float(gradient @ step), 1.0
        while True:
            trial_loss, trial_NC = loss_at(theta - size * step)
            if trial_loss <= loss - 1e-4 * size * slope or size < 1e-4:
                break
            size /= 2
        theta, loss, probability_NC = theta - size * step, trial_loss, trial_NC
    return float(theta[0]), theta[1:]


def _recalibration_hessian(
    logits_NC: np.ndarray, probability_NC: np.ndarray, ridge: float
) -> np.ndarray:
    n, num_classes = logits_NC.shape
    mean_N1 = (probability_NC * logits_NC).sum(axis=1, keepdims=True)
    hessian = np.empty((num_classes + 1, num_classes + 1))
    hessian[0, 0] = (probability_NC * (logits_NC - mean_N1) ** 2).sum() / n
    hessian[0, 1:] = hessian[1:, 0] = (probability_NC * (logits_NC - mean_N1)).sum(axis=0) / n
    hessian[1:, 1:] = np.diag(probability_NC.mean(axis=0)) - probability_NC.T @ probability_NC / n
    return hessian + ridge * np.eye(num_classes + 1)


def _calibrated_log_score(logits_NC: np.ndarray, labels_N: np.ndarray) -> float:
    return -recalibrated_log_loss(logits_NC, labels_N)


@dataclass(frozen=True)
class Measure:
    """One row of `METRICS`."""

    of: Callable[[np.ndarray, np.ndarray], float]
    """Logits and labels -> the score. Higher is better."""
    title: str
    """What tables call it."""
    worst: float = 0.0
    """Score of a training that diverged to NaN or infinity."""
    is_shown: bool = True
    """Whether the tables of test scores have it."""


METRICS: dict[str, Measure] = {
    "accuracy": Measure(accuracy, "accuracy"),
    "auc": Measure(auc, "AUC"),
    "sensitivity": Measure(sensitivity, "sensitivity"),
    "specificity": Measure(specificity, "specificity"),
    # -5 is worse than guessing among up to 148 classes, and not so low that a single reward
    # outweighs all others.
    "log_loss": Measure(_calibrated_log_score, "log-loss", worst=-5.0, is_shown=False),
}
"""Every evaluation is scored by all of them. `log_loss` is negative and recalibrated, in nats."""
SCORE_METRICS = tuple(name for name, measure in METRICS.items() if measure.is_shown)
"""What the final table shows, in its order."""
Metric = Literal["accuracy", "auc", "log_loss"]
"""Those of `METRICS` that `reward.metric` may be."""


def title_of(metric: str) -> str:
    """What a table calls a metric; of one that is not in `METRICS`, its name in words."""
    return METRICS[metric].title if metric in METRICS else metric.replace("_", " ")


def mean_and_std(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (divisor n - 1) of the values that are numbers.

    The std of fewer than two values is NaN, and so is the mean of none.
    """
    known = np.array([value for value in values if math.isfinite(value)])
    mean = float(known.mean()) if len(known) else math.nan
    return mean, float(known.std(ddof=1)) if len(known) > 1 else math.nan
