"""From cells to the figures that choose a fidelity.

Shape letters: M sets, S seeds.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from fidelity.bed import NUM_SEEDS, VARIANTS, bed
from fidelity.cells import METRICS
from rlsel.metrics import mean_and_std

NOTHING = "wide none"
EFFECT_SETS = tuple(f"wide 512 with {share} right" for share in ("0%", "50%", "75%", "100%"))
"""Sets of which it is shown what they do to the score of the real images alone."""
TRUTHS = ("accuracy", "auc")
"""Of the test split; what a reward is compared with."""


def summarise(cells: dict[str, Any]) -> dict[str, Any]:
    """Per variant, metric, family and number of repeats: how well it ranks sets, and at what cost.

    Signal-to-noise compares the variance between sets with what is left, set by set, when the
    common effect of a seed is taken out: sets are compared under one seed.
    """
    names = list(bed().sets)
    truth = {
        metric: _matrix(cells, "truth", names, lambda cell, m=metric: cell["test"][m])
        for metric in TRUTHS
    }
    rows = []
    pace = [cells[f"pace | {seed}"]["seconds"] for seed in range(NUM_SEEDS)]
    full_seconds = float(np.median(pace))
    for metric in METRICS:
        paid = _matrix(cells, "truth", names, lambda cell, m=metric: cell["reward"][m])
        rows += _judge("full", metric, paid, truth, full_seconds, names, repeats=(1, 2, 4))
    for variant in VARIANTS:
        found = [cells.get(f"{variant.name} | {seed}") for seed in range(variant.num_seeds)]
        done = [cell for cell in found if cell is not None]
        if not done:
            continue
        seconds = float(np.median([cell["seconds"] for cell in done]))
        for metric in METRICS:
            paid = np.array([[cell["rewards"][name][metric] for cell in done] for name in names])
            rows += _judge(variant.name, metric, paid, truth, seconds, names)
    best = {
        fidelity: max(
            (
                r
                for r in rows
                if r["variant"].startswith(fidelity) and r["family"] == "wide" and r["repeats"] == 1
            ),
            key=lambda row: row["spearman_accuracy"],
        )
        for fidelity in ("probe", "finetune", "full")
    }
    return {
        **{f"wide_spearman.{key}": row["spearman_accuracy"] for key, row in best.items()},
        **{f"best_variant.{key}": f"{r['variant']} / {r['metric']}" for key, r in best.items()},
        "truth": {
            name: {m: [round(v, 4) for v in truth[m][i]] for m in TRUTHS}
            for i, name in enumerate(names)
        },
        "effects": _effects(cells),
        "rows": rows,
    }


def _effects(cells: dict[str, Any]) -> dict[str, Any]:
    """Reward -> set -> its AUC less that of the real images alone, over seeds."""
    sets = (NOTHING, *EFFECT_SETS)
    series = {
        "truth: full training, test": {
            one: [cells[f"truth | {one} | {s}"]["test"]["auc"] for s in range(NUM_SEEDS)]
            for one in sets
        }
    }
    for variant in VARIANTS:
        found = [cells.get(f"{variant.name} | {seed}") for seed in range(NUM_SEEDS)]
        if all(found):
            series[variant.name] = {
                one: [cell["rewards"][one]["auc"] for cell in found if cell] for one in sets
            }
    effects: dict[str, Any] = {}
    for name, of_set in series.items():
        effects[name] = {}
        for one in EFFECT_SETS:
            mean, std = mean_and_std(np.subtract(of_set[one], of_set[NOTHING]).tolist())
            effects[name][one] = {"mean": round(mean, 4), "std": round(std, 4)}
    return effects


def _matrix(
    cells: dict[str, Any], kind: str, names: list[str], value: Callable[[dict], float]
) -> np.ndarray:
    """(sets, seeds)."""
    return np.array(
        [[value(cells[f"{kind} | {name} | {s}"]) for s in range(NUM_SEEDS)] for name in names]
    )


def _judge(
    variant: str,
    metric: str,
    paid_MS: np.ndarray,
    truth: dict[str, np.ndarray],
    seconds: float,
    names: list[str],
    repeats: tuple[int, ...] = (1,),
) -> Iterator[dict[str, Any]]:
    """Rows for each family and number of repeats.

    The rewards of `full` come from the trainings of the truth; those of the seeds that are paid by
    are then left out of it.
    """
    num_seeds = paid_MS.shape[1]
    for family in ("wide", "narrow"):
        of = np.array([name.startswith(family) for name in names])
        between, within = _variances(paid_MS[of])
        for number in repeats:
            found: dict[str, list[float]] = {m: [] for m in TRUTHS}
            for chosen in combinations(range(num_seeds), number):
                rest = [s for s in range(NUM_SEEDS) if variant != "full" or s not in chosen]
                for m in TRUTHS if rest else ():
                    reward_M = paid_MS[of][:, chosen].mean(axis=1)
                    truth_M = truth[m][of][:, rest].mean(axis=1)
                    found[m].append(float(spearmanr(reward_M, truth_M).statistic))
            # With one seed nobody knows the noise.
            ratio = between / max(within / number, 1e-12) if num_seeds > 1 else None
            yield {
                "variant": variant,
                "metric": metric,
                "family": family,
                "repeats": number,
                "seconds": seconds * number,
                **{f"spearman_{m}": _mean(values) for m, values in found.items()},
                **{f"spearman_{m}_min": min(values, default=None) for m, values in found.items()},
                "signal_to_noise": ratio,
                "signal_to_noise_per_s": ratio and ratio / (seconds * number),
            }


def _variances(paid_MS: np.ndarray) -> tuple[float, float]:
    """Between sets (without the part that is noise), and within a set over seeds."""
    num_sets, num_seeds = paid_MS.shape
    if num_seeds < 2:
        return float(paid_MS[:, 0].var(ddof=1)), float("nan")
    mean_M1, mean_1S = paid_MS.mean(axis=1, keepdims=True), paid_MS.mean(axis=0, keepdims=True)
    residual_MS = paid_MS - mean_M1 - mean_1S + paid_MS.mean()
    within = float((residual_MS**2).sum() / ((num_sets - 1) * (num_seeds - 1)))
    between = float(mean_M1.var(ddof=1)) - within / num_seeds
    return max(between, 0.0), within


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
