"""How much of a planted truth was found, for pools that know which candidates are useful.

Shape letters: N candidates.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Float

from envs import SelectionProblem
from rlsel.metrics import auc_binary, by_rank
from rlsel.selectors import Selection


class Finding(TypedDict):
    """A method or a free score compared with the truth. NaN if a figure is not defined."""

    auc: float
    """Probability that a useful candidate ranks above a useless one."""
    precision: float
    """Share of useful candidates among the kept ones."""
    recall: float
    """Share of kept candidates among the useful ones."""


def find_truth(
    selections: Sequence[Selection],
    free_scores: Mapping[str, Float[np.ndarray, " n"]],
    problem: SelectionProblem,
    useful_N: Bool[np.ndarray, " n"],
    num_keep: int,
) -> dict[str, Finding]:
    """The findings of every method, of every free score at the same budget, and of the batch index.

    `controller_within_batches` compares candidates of the same batch alone, so the information in
    the order of the batches does not count. The information in batch and class together still does
    (docs/benchmarks/planted_truth.md, "Every free score and every peer"). `batch_index` ranks by
    the batch alone, and shows how much the order gives away.
    """
    batch_N = batch_of_candidates(problem)
    # `real_only` keeps nothing and ranks nothing. A controller that keeps nothing still ranks.
    judged = [s for s in selections if s.num_kept or s.score_N is not None]
    found = {s.method: _finding(s.score_N, s.kept_N, useful_N) for s in judged}
    ranked = dict(free_scores) | {
        # Batches of a shard are in order, those of different shards are alike.
        "batch_index": -(batch_N % problem.num_decisions).astype(float)
    }
    for name, score_N in ranked.items():
        kept_N = np.zeros(len(score_N), dtype=bool)
        kept_N[by_rank(score_N)[:num_keep]] = True
        found[name] = _finding(score_N, kept_N, useful_N)
    for selection in selections:
        if selection.method == "controller" and selection.score_N is not None:
            within = auc_within_batches(selection.score_N, useful_N, batch_N)
            found["controller_within_batches"] = Finding(
                auc=within, precision=float("nan"), recall=float("nan")
            )
    return found


def auc_within_batches(
    score_N: Float[np.ndarray, " n"], useful_N: Bool[np.ndarray, " n"], batch_N: np.ndarray
) -> float:
    """AUC within each batch, averaged with the number of its pairs as weight."""
    total, pairs = 0.0, 0
    for batch in np.unique(batch_N):
        inside_N = batch_N == batch
        num = int(useful_N[inside_N].sum()) * int((~useful_N[inside_N]).sum())
        if num:
            total += num * auc_binary(score_N[inside_N], useful_N[inside_N])
            pairs += num
    return total / pairs if pairs else float("nan")


def batch_of_candidates(problem: SelectionProblem) -> np.ndarray:
    """(n,) index of the batch that holds each candidate."""
    batch_N = np.empty(problem.num_candidates, dtype=np.int64)
    for index, places_K in enumerate(problem.batches_DK):
        batch_N[places_K[places_K >= 0]] = index
    return batch_N


def kinds_kept(
    kinds_N: np.ndarray, selections: Sequence[Selection], probability_N: np.ndarray | None
) -> dict[str, dict]:
    """For each kind of candidate: its count, the kept ones of each method, the mean probability."""
    return {
        str(kind): {
            "count": int((kinds_N == kind).sum()),
            "kept": {s.method: int(s.kept_N[kinds_N == kind].sum()) for s in selections},
            "mean_keep_probability": float(probability_N[kinds_N == kind].mean())
            if probability_N is not None
            else float("nan"),
        }
        for kind in np.unique(kinds_N)
    }


def _finding(score_N: np.ndarray | None, kept_N: np.ndarray, useful_N: np.ndarray) -> Finding:
    hits = float((kept_N & useful_N).sum())
    return Finding(
        auc=float("nan") if score_N is None else auc_binary(score_N, useful_N),
        precision=hits / max(int(kept_N.sum()), 1),
        recall=hits / max(int(useful_N.sum()), 1),
    )
