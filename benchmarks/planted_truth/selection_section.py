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
    ("controller", "own_distance", "as the paper says"),
    ("controller", "uniform", "as the paper says"),
    ("own_distance", "uniform", "as the paper says"),
    ("uniform", "real_only", "as the paper says"),
    ("paper", "uniform", "its recipe, read literally"),
    ("controller", "paper", "ours over that"),
    ("controller", "knn_label_agreement", "ours over the best free score"),
    ("controller", "MLP, factored", "the transformer over candidates one by one"),
)
"""What should be better than what, and who says so."""
INTRODUCTION = """\
`labels_plain`, ResNet34 from scratch; every training sees 6,000 images, repetitions counted. The
gain over uniform is paired by draw and seed, with its 95% interval. The oracle keeps every
candidate with the right label, also those that look like the other class; whoever leaves those out
as well may do better than it.
"""
TESTED = """\
Differences in test accuracy, paired by draw and seed: mean, 95% interval and p of the paired
t-test. Trainings of one draw share the selection, so the draws that agree in sign say how far it
goes beyond them.
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
            ("better", "than", "", "by", "p", "draws that agree"),
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
    gains = all_gains(scores[method], scores["uniform"])
    return (
        METHODS[method],
        f"{np.mean([cell['kept'] for cell in cells]):.0f}",
        mean([cell["right"] for cell in cells if cell["right"]]),
        *(
            mean_std([cell["test"][metric] for cell in cells])
            for metric in ("accuracy", "auc", "log_loss")
        ),
        mean_std([cell["reward_val"]["accuracy"] for cell in cells]),
        "–" if method == "uniform" else interval(gains),
        str(len(cells)),
    )


def _test(better: str, worse: str, who: str, scores: dict[str, Scores]) -> tuple[str, ...]:
    by_draw = _gains(scores[better], scores[worse])
    gains = np.concatenate(list(by_draw.values()))
    agree = sum(np.mean(values) > 0 for values in by_draw.values())
    p_value = compare(gains)["p"]
    return (
        METHODS[better],
        METHODS[worse],
        who,
        interval(gains),
        "< .001" if p_value < 0.001 else decimal(p_value),
        f"{agree} of {len(by_draw)}",
    )


def _gains(better: Scores, worse: Scores) -> dict[str, list[float]]:
    """Draw -> differences in test accuracy, seed by seed."""
    gains = defaultdict(list)
    for draw, seed in sorted(set(better) & set(worse)):
        difference = better[draw, seed]["test"]["accuracy"] - worse[draw, seed]["test"]["accuracy"]
        gains[draw].append(difference)
    return gains


def all_gains(better: Scores, worse: Scores) -> np.ndarray:
    """The same, of all draws together."""
    return np.concatenate([*_gains(better, worse).values(), []])
