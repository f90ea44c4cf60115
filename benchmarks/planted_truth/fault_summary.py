"""From scores to gains with intervals, and to a verdict on each kind.

A gain is taken within a seed, where real set, fresh images, weights and order are shared. It is
positive where a kind does better than its reference: more accuracy or AUC, less log-loss. Shape
letters: S seeds, P values of p.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from rlsel.metrics import mean_and_std

from .fault_cells import (
    NOTHING,
    NUM_SEEDS,
    SETTINGS,
    FaultCell,
    Setting,
    all_cells,
    kinds_and_doses,
)
from .faults import FAULTS, KINDS
from .paired import CONFIDENCE, Comparison, compare

SIGNS = {"accuracy": 1, "auc": 1, "log_loss": -1}
"""Metric -> 1 where more is better."""
REFERENCES = (NOTHING, "good", "real_again")


@dataclass(frozen=True)
class Scores:
    """The cells of some seeds, as series over these seeds."""

    cells: dict[str, dict[str, Any]]
    seeds: tuple[int, ...]

    def of(self, metric: str, setting: Setting, kind: str, dose: int) -> Float[np.ndarray, " s"]:
        dose = 0 if kind == NOTHING else dose
        keys = (FaultCell(setting, kind, dose, seed).key for seed in self.seeds)
        return np.array([self.cells[key][metric] for key in keys])

    def gain(
        self, metric: str, setting: Setting, kind: str, dose: int, reference: str
    ) -> Float[np.ndarray, " s"]:
        """Over the reference at the same dose."""
        here_S = self.of(metric, setting, kind, dose)
        return SIGNS[metric] * (here_S - self.of(metric, setting, reference, dose))


def summarise(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Empty until every cell is there; see `summarise_seeds`."""
    seeds = finished_seeds(cells)
    return summarise_seeds(cells, seeds) if len(seeds) == NUM_SEEDS else {}


def finished_seeds(cells: dict[str, dict[str, Any]]) -> tuple[int, ...]:
    """The seeds of which no cell is missing."""
    missing = {cell.seed for cell in all_cells() if cell.key not in cells}
    return tuple(seed for seed in range(NUM_SEEDS) if seed not in missing)


def summarise_seeds(cells: dict[str, dict[str, Any]], seeds: tuple[int, ...]) -> dict[str, Any]:
    """`doses`: each kind and dose; `kinds`: each kind by its mean over doses, with the verdict.

    Args:
        seeds: Two at least, all their cells there.
    """
    scores = Scores(cells, seeds)
    return {
        "seeds": list(seeds),
        "doses": list(_doses(scores)),
        "kinds": [row for metric in SIGNS for row in _kinds(scores, metric)],
    }


def _doses(scores: Scores) -> Iterator[dict[str, Any]]:
    for setting in SETTINGS:
        for kind, dose in kinds_and_doses(setting):
            for metric in SIGNS:
                mean, std = mean_and_std(scores.of(metric, setting, kind, dose).tolist())
                gains = {}
                if kind != NOTHING:
                    gain_S = scores.gain(metric, setting, kind, dose, NOTHING)
                    gains["gain_over_nothing"] = _compare(gain_S)
                where = {"setting": setting.name, "kind": kind, "dose": dose, "metric": metric}
                yield where | {"mean": _rounded(mean), "std": _rounded(std)} | gains


def _kinds(scores: Scores, metric: str) -> list[dict[str, Any]]:
    """All that one metric says; its verdicts are corrected for being as many as they are."""
    rows = []
    for setting in SETTINGS:
        for kind in KINDS:
            gains = {
                f"gain_over_{reference}": _compare(
                    np.mean(
                        [
                            scores.gain(metric, setting, kind, dose, reference)
                            for dose in setting.doses
                        ],
                        axis=0,
                    )
                )
                for reference in REFERENCES
                if kind != reference
            }
            rows.append({"setting": setting.name, "kind": kind, "metric": metric} | gains)
    judged = [row for row in rows if row["kind"] in FAULTS]
    adjusted = {
        reference: holm([row[f"gain_over_{reference}"]["p"] for row in judged])
        for reference in (NOTHING, "good")
    }
    for number, row in enumerate(judged):
        row["verdict"] = judge(row["gain_over_nothing"], row["gain_over_good"])
        decided_by = "good" if row["verdict"] == "useless" else NOTHING
        small = adjusted[decided_by][number] < 1 - CONFIDENCE
        row["holds_corrected"] = row["verdict"] != "undecided" and small
        row["beats_more_steps"] = row["gain_over_real_again"]["low"] > 0
    return rows


def judge(over_nothing: Comparison, over_good: Comparison) -> str:
    """Harmful, helpful, useless, or undecided where the intervals tell none of them."""
    if over_nothing["high"] < 0:
        return "harmful"
    if over_nothing["low"] > 0:
        return "helpful"
    return "useless" if over_good["high"] < 0 else "undecided"


def _compare(gain_S: Float[np.ndarray, " s"]) -> Comparison:
    return {name: _rounded(value) for name, value in compare(gain_S).items()}


def holm(p_values_P: list[float]) -> list[float]:
    """Adjusted for being several, by Holm's step-down method."""
    order = np.argsort(p_values_P)
    stepped_P = np.array(p_values_P)[order] * np.arange(len(p_values_P), 0, -1)
    adjusted_P = np.empty(len(p_values_P))
    adjusted_P[order] = np.minimum(np.maximum.accumulate(stepped_P), 1)
    return adjusted_P.tolist()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
