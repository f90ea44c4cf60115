"""The stage of the final scores: every selection on test, and against a known truth."""

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
    """How much of the planted truth each method found; None if the truth is unknown."""

    by_method: dict[str, Any] | None
    by_kind: dict[str, Any] | None


def score(
    experiment: Experiment, splits: Splits, evaluations: Evaluations, selections: list[Selection]
) -> Scores:
    """Method -> metric -> one test score per round; empty if there are no test images."""
    if not len(splits.test):  # arrays may lack test images
        return {}
    return score_selections(experiment.evaluation, evaluations, selections, experiment.seed)


def compare_with_truth(
    pool: Pool, described: Description, selections: list[Selection], shown: Selection
) -> Truth:
    """Compare rankings and masks with the known truth of a planted pool.

    Args:
        shown: The final selection of the run. Free scores keep as many candidates as it does.
    """
    learned = next((one.score_N for one in selections if one.method == "controller"), None)
    scores, problem = described.table.free_scores, described.problem
    return Truth(
        by_method=None
        if pool.useful is None
        else find_truth(selections, scores, problem, pool.useful, shown.num_kept),
        by_kind=None if pool.kinds is None else kinds_kept(pool.kinds, selections, learned),
    )
