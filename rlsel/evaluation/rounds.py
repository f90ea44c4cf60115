"""Rounds of full training on real + selected, scored on the test images."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from rlsel.machine.progress import progress_bar
from rlsel.metrics import SCORE_METRICS
from rlsel.rewards import Evaluations, Job
from rlsel.schema import config
from rlsel.seeding import derive_seed
from rlsel.selectors import Selection

Scores = dict[str, dict[str, list[float]]]


@config
class EvaluationConfig:
    """How the final scores are made."""

    rounds: Annotated[int, Field(ge=0)] = 5
    """Trainings of each method, each with a seed of its own (paper: 5). 0 leaves the test images
    unread, as they should be in a sweep that compares settings."""


def score_selections(
    config: EvaluationConfig, evaluations: Evaluations, selections: Sequence[Selection], seed: int
) -> Scores:
    """Method -> metric -> a test score for each round.

    In a round all methods are trained with the same seed, so scores can be compared in pairs. The
    score is that of the last epoch, since no epoch may be chosen by looking at test.
    """
    asked = [(selection, r) for r in range(config.rounds) for selection in selections]
    jobs = [
        Job(
            selection.mask_of_round(r), "full", derive_seed(seed, "round", r), "test", SCORE_METRICS
        )
        for selection, r in asked
    ]
    if not jobs:
        return {}
    scores: Scores = {s.method: {metric: [] for metric in SCORE_METRICS} for s in selections}
    with progress_bar("final evaluation", len(jobs)) as bar:
        for (selection, _), evaluation in zip(asked, evaluations.many(jobs), strict=True):
            for metric in SCORE_METRICS:
                scores[selection.method][metric].append(evaluation.last(metric))
            bar.advance(note=selection.method)
    return scores
