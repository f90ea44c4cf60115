"""The final word on every selection: scores on test, and how much of a known truth was found."""

from dataclasses import dataclass
from typing import Any

from rlsel.data import Splits
from rlsel.evaluation import find_truth, kinds_kept, score_selections
from rlsel.evaluation.rounds import Scores
from rlsel.experiment.config import Experiment
from rlsel.pool import Pool
from rlsel.rewards.jobs import Evaluations
from rlsel.selectors import Selection
from rlsel.stages.description import Description


@dataclass(frozen=True)
class Truth:
    """How much of the planted truth each method found; None where nobody knows it."""

    by_method: dict[str, Any] | None
    by_kind: dict[str, Any] | None


def score(
    experiment: Experiment, splits: Splits, evaluations: Evaluations, selections: list[Selection]
) -> Scores:
    """Method -> metric -> one test score a round; empty where there are no test images."""
    if not len(splits.test):  # arrays may come without
        return {}
    return score_selections(experiment.evaluation, evaluations, selections, experiment.seed)


def compare_with_truth(
    pool: Pool, described: Description, selections: list[Selection], shown: Selection
) -> Truth:
    """Rankings and masks against what a planted pool is known to hold.

    Args:
        shown: The selection that the run ends with; free scores get as many places.
    """
    learned = shown.score_N if shown.method == "controller" else None
    scores, problem = described.table.free_scores, described.problem
    return Truth(
        by_method=None
        if pool.useful is None
        else find_truth(selections, scores, problem, pool.useful, shown.num_kept),
        by_kind=None if pool.kinds is None else kinds_kept(pool.kinds, selections, learned),
    )
