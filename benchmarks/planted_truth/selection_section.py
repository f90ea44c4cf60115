"""The part about full training on what was selected: scores, and the paper's ordering tested."""

from collections import defaultdict
from typing import Any

import numpy as np

from rlsel.reporting.wording import decimal

from .markdown import interval, mean, mean_std, table
from .paired import compare

Cells = dict[str, dict[str, Any]]
Scores = dict[tuple[str, str], dict[str, Any]]
"""(draw, seed) -> cell."""
METHODS = {
    "real_only": "real only",
    "keep_all": "keep all",
    "uniform": "uniform, same number",
    "own_distance": "centroid distance, same number",
    "knn_label_agreement": "kNN label agreement, same number",
    "label_log_probability": "log-probability of the label, same number",
    "paper": "the paper's recipe, with a probe",
    "controller": "controller (transformer, shared credit)",
    "controller, ridge": "controller, ridge credit",
    "controller, factored": "controller, factored credit",
    "MLP, factored": "MLP controller, factored credit",
    "oracle": "oracle: all with the right label",
}
ORDERING = (
    ("controller", "own_distance", "the paper"),
    ("controller", "uniform", "the paper"),
    ("own_distance", "uniform", "the paper"),
    ("uniform", "real_only", "the paper"),
    ("paper", "uniform", "the paper, for its own recipe"),
    ("controller", "paper", "we, for our recipe over the paper's"),
    ("controller", "knn_label_agreement", "we, for learning over the best free score"),
    ("controller", "MLP, factored", "we, for a transformer over an MLP"),
)
"""What should be better than what, and who says so."""
INTRODUCTION = """\
A ResNet34 is trained from scratch on 100 real images of the bed `labels_plain` and on the
candidates that each method selected. Every training sees 6,000 images, repetitions counted, so that
nothing is gained by more steps. Trainings of one draw share images, candidates and selection, so
their scores are averaged first: n counts draws, and means, stds and intervals are over draws. The
gain over uniform is a difference in test accuracy, paired by draw and seed, with its 95% interval.
The oracle keeps every candidate with the right label, including those that look like the other
class; a method that leaves these out as well can do better than the oracle.
"""
TESTED = """\
Differences in test accuracy, paired by draw and seed and averaged within a draw: the mean, its 95%
interval, and p of the paired t-test over draws.
"""


def selections_section(cells: Cells) -> list[str]:
    """Both tables; nothing before uniform is there to be compared with."""
    scores = by_method(cells)
    if "uniform" not in scores:
        return []
    return [
        "### What it is for: 100 real images, full training on what was selected",
        "",
        INTRODUCTION,
        *table(
            ("selection", "kept", "right", "test accuracy", "test AUC", "test log-loss",
             "reward-val accuracy", "gain over uniform", "n"),
            [_row(method, scores) for method in METHODS if method in scores],
        ),
        "### The paper's ordering, tested",
        "",
        TESTED,
        *table(
            ("better", "than", "who says so", "by", "p", "draws that agree"),
            [
                _test(better, worse, who, scores)
                for better, worse, who in ORDERING
                if better in scores and worse in scores
            ],
        ),
    ]  # fmt: skip


def by_method(cells: Cells) -> dict[str, Scores]:
    """Of the full trainings."""
    scores: dict[str, Scores] = defaultdict(dict)
    for key, cell in cells.items():
        if key.startswith("selection | "):
            _, _, method, draw, seed, _ = key.split(" | ")
            scores[method][draw, seed] = cell
    return scores


def _row(method: str, scores: dict[str, Scores]) -> tuple[str, ...]:
    cells = list(scores[method].values())
    gains = gains_of_draws(scores[method], scores["uniform"])
    return (
        METHODS[method],
        f"{np.mean([cell['kept'] for cell in cells]):.0f}",
        mean([cell["right"] for cell in cells if cell["right"]]),
        *(
            mean_std(_means_of_draws(scores[method], "test", metric))
            for metric in ("accuracy", "auc", "log_loss")
        ),
        mean_std(_means_of_draws(scores[method], "reward_val", "accuracy")),
        "–" if method == "uniform" else interval(gains),
        str(len({draw for draw, _ in scores[method]})),
    )


def _means_of_draws(scores: Scores, split: str, metric: str) -> list[float]:
    by_draw: dict[str, list[float]] = defaultdict(list)
    for (draw, _), cell in scores.items():
        by_draw[draw].append(cell[split][metric])
    return [float(np.mean(values)) for values in by_draw.values()]


def _test(better: str, worse: str, who: str, scores: dict[str, Scores]) -> tuple[str, ...]:
    gains = gains_of_draws(scores[better], scores[worse])
    agree = int((gains > 0).sum())
    p_value = compare(gains)["p"]
    return (
        METHODS[better],
        METHODS[worse],
        who,
        interval(gains),
        "< .001" if p_value < 0.001 else decimal(p_value),
        f"{agree} of {len(gains)}",
    )


def gains_of_draws(better: Scores, worse: Scores) -> np.ndarray:
    """(draws,) mean over a draw's seeds of the difference in test accuracy, seed by seed.

    What is independent are the draws: trainings of one share the selection.
    """
    gains = defaultdict(list)
    for draw, seed in sorted(set(better) & set(worse)):
        difference = better[draw, seed]["test"]["accuracy"] - worse[draw, seed]["test"]["accuracy"]
        gains[draw].append(difference)
    return np.array([np.mean(values) for values in gains.values()])
