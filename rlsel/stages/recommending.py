"""The stage that decides which selection is recommended, by trainings on selection-val."""

from dataclasses import dataclass

import numpy as np

from rlsel.experiment.config import Experiment
from rlsel.machine.progress import progress_bar
from rlsel.rewards import Evaluations, Fidelity, Job
from rlsel.seeding import derive_seed
from rlsel.selectors import Selection
from rlsel.selectors.finalists import decide, finalists
from rlsel.selectors.free import FreeSets


@dataclass(frozen=True)
class Recommendation:
    """The finalists with their scores, and which one is recommended."""

    finalists: list[Selection]
    scores_FR: np.ndarray
    """One score for each finalist and round, in units of the reward's metric."""
    best: int
    leader: int
    """The one with the highest mean, which may be no better than a simpler one."""
    fidelity: Fidelity
    metric: str

    @property
    def selection(self) -> Selection:
        return self.finalists[self.best]


def recommend(
    experiment: Experiment,
    free: FreeSets | None,
    learned: Selection | None,
    evaluations: Evaluations,
) -> Recommendation | None:
    """Train every finalist and compare them on selection-val.

    Returns:
        None if `selection.recommend` does not ask for it, or there is only one finalist.
    """
    settings, metric = experiment.selection, experiment.reward.metric
    if settings.recommend != "portfolio":
        return None
    is_free = settings.keep_fraction is None and not settings.has_range
    found = finalists(free, learned, allows_none_and_all=is_free)
    if len(found) < 2:
        return None
    judge = settings.judge
    rounds = 1 if judge.fidelity == "probe" else judge.rounds
    jobs = [
        Job(
            one.kept_N,
            judge.fidelity,
            derive_seed(experiment.seed, "judge", number),
            "selection_val",
            (metric,),
        )
        for number in range(rounds)
        for one in found
    ]
    scores = []
    with progress_bar("finalists", len(jobs)) as bar:
        for job, evaluation in zip(jobs, evaluations.many(jobs), strict=True):
            # The last epoch, as in the final scores: none is chosen by selection-val.
            scores.append(evaluation.last(metric))
            bar.advance(note=f"{int(job.kept_N.sum()):,} kept")
    scores_FR = np.array(scores).reshape(rounds, len(found)).T
    decision = decide(scores_FR, [one.method for one in found])
    return Recommendation(found, scores_FR, decision.best, decision.leader, judge.fidelity, metric)
