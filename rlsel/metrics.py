"""Pure metric functions over class probabilities. Higher is better, except for log-loss.

Shape letters: N images, C classes.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp
from scipy.stats import rankdata

SCORE_METRICS = ("accuracy", "auc", "sensitivity", "specificity")
"""What the final table shows, in its order."""


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
    n, num_classes = logits_NC.shape
    logits_NC = logits_NC.astype(np.float64)
    # What a bias can undo, or the softmax ignores, goes first: the ridge must not pay for it.
    logits_NC = logits_NC - logits_NC.mean(axis=1, keepdims=True)
    logits_NC = logits_NC - logits_NC.mean(axis=0)
    logits_NC = logits_NC / max(float(logits_NC.std()), 1e-12)
    onehot_NC = np.eye(num_classes)[labels_N]

    def loss_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        log_probability_NC = log_softmax(theta[0] * logits_NC + theta[1:], axis=1)
        residual_NC = (np.exp(log_probability_NC) - onehot_NC) / n
        gradient = np.concatenate(([(residual_NC * logits_NC).sum()], residual_NC.sum(axis=0)))
        ridge = 1e-4 * theta
        loss = -(log_probability_NC * onehot_NC).sum() / n + 0.5 * float(ridge @ theta)
        return loss, gradient + ridge

    start = np.concatenate(([1.0], np.zeros(num_classes)))
    bounds = [(0.0, None), *[(None, None)] * num_classes]
    fitted = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return log_loss(fitted[0] * logits_NC + fitted[1:], labels_N)
