"""What a run recommends follows from trainings on selection-val."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from small_table import small_table

from rlsel.experiment.config import Experiment, build_experiment
from rlsel.rewards import Evaluation, Job
from rlsel.selectors import Selection
from rlsel.selectors.free import FreeSets, free_sets
from rlsel.stages.recommending import recommend

LABELS = small_table().labels
NUM = len(LABELS)
SCORES = {"own_distance": np.linspace(0, 1, NUM)}
SETS = tuple(free_sets(SCORES, LABELS, ((0.0, 1.0),) * 3, fractions=(0.5,)))
FREE = FreeSets(SETS, np.array([0.1, 0.2, 0.3]), np.zeros(3), SCORES)
LEARNED = Selection("controller", np.arange(NUM)[None] % 5 == 0, np.linspace(1, 0, NUM))


class Judge:
    """Evaluations that know what each set is worth."""

    def __init__(self, worth_of: dict[int, float]) -> None:
        self.worth_of = worth_of
        self.asked: list[Job] = []

    def one(self, job: Job) -> Evaluation:
        return next(self.many([job]))

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        for job in jobs:
            self.asked.append(job)
            worth = self.worth_of[int(job.kept_N.sum())] + 1e-4 * (job.seed % 3)
            yield Evaluation({"auc": [0.99, worth]}, 1, 0.0)


def experiment(**selection: object) -> Experiment:
    return build_experiment(
        {"name": "t", "selection": {"recommend": "portfolio", **selection}}, "test"
    )


def kept(found: Selection) -> int:
    return found.num_kept


HALF, FIFTH = kept(FREE.selection), kept(LEARNED)


def test_finalists_are_trained_in_pairs_on_selection_val_and_judged_by_the_last_epoch() -> None:
    judge = Judge({0: 0.7, NUM: 0.6, HALF: 0.75, FIFTH: 0.8})

    made = recommend(experiment(), FREE, LEARNED, judge)

    assert made is not None
    assert made.selection.method == "controller"
    assert made.scores_FR.shape == (4, 3)
    assert made.scores_FR[0] == pytest.approx([0.7] * 3, abs=3e-4)
    assert {(job.fidelity, job.split) for job in judge.asked} == {("full", "selection_val")}
    of_set = {int(job.kept_N.sum()): [] for job in judge.asked}
    for job in judge.asked:
        of_set[int(job.kept_N.sum())].append(job.seed)
    assert len({tuple(seeds) for seeds in of_set.values()}) == 1


def test_what_is_not_better_than_the_free_set_is_not_recommended() -> None:
    made = recommend(experiment(), FREE, LEARNED, Judge({0: 0.7, NUM: 0.6, HALF: 0.8, FIFTH: 0.79}))

    assert made is not None
    assert made.selection.method == "free"
    assert np.array_equal(made.selection.kept_N, FREE.selection.kept_N)


def test_a_probe_decides_once() -> None:
    judge = Judge({0: 0.7, NUM: 0.6, HALF: 0.75, FIFTH: 0.8})

    made = recommend(experiment(judge={"fidelity": "probe"}), FREE, LEARNED, judge)

    assert made is not None
    assert made.scores_FR.shape == (4, 1)


def test_under_a_budget_none_and_all_are_no_finalists() -> None:
    judge = Judge({HALF: 0.75, FIFTH: 0.8})

    made = recommend(experiment(keep_fraction=0.5), FREE, LEARNED, judge)

    assert made is not None
    assert [one.method for one in made.finalists] == ["free", "controller"]


def test_without_a_choice_nothing_is_trained() -> None:
    judge = Judge({})

    assert recommend(experiment(recommend="learned"), FREE, LEARNED, judge) is None
    assert recommend(experiment(), None, LEARNED, judge) is None
    assert judge.asked == []
