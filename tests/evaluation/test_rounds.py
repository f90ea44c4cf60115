"""The final scores: every method under the same protocol, test read once."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from pydantic import ValidationError

from rlsel.evaluation import EvaluationConfig, score_selections
from rlsel.metrics import SCORE_METRICS
from rlsel.rewards import Evaluation, Job
from rlsel.selectors import Selection

NUM = 11
RANDOM_RN = np.random.default_rng(0).random((3, NUM)) < 0.5
SELECTIONS = [
    Selection("real_only", np.zeros((1, NUM), dtype=bool)),
    Selection("uniform", RANDOM_RN),
    Selection("controller", np.arange(NUM)[None] < 4),
]


class FakeEvaluations:
    """Answers at once, and with scores that tell job and epoch apart."""

    def __init__(self) -> None:
        self.asked: list[Job] = []

    def one(self, job: Job) -> Evaluation:
        self.asked.append(job)
        last = len(self.asked) + job.kept_N.sum() / 100
        scores = {metric: [-99.0, last + m] for m, metric in enumerate(SCORE_METRICS)}
        return Evaluation(scores, num_train=1, train_s=0.0)

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        return map(self.one, jobs)


def score(rounds: int, seed: int = 0) -> tuple[dict, list[Job]]:
    evaluations = FakeEvaluations()
    scores = score_selections(EvaluationConfig(rounds=rounds), evaluations, SELECTIONS, seed)
    return scores, evaluations.asked


def test_every_job_is_a_full_training_scored_on_test() -> None:
    _, asked = score(rounds=3)

    assert len(asked) == 9
    assert {(job.fidelity, job.split) for job in asked} == {("full", "test")}


def test_every_job_asks_for_all_metrics_of_the_table() -> None:
    _, asked = score(rounds=1)

    assert {job.metrics for job in asked} == {SCORE_METRICS}


def test_in_a_round_every_method_has_the_same_seed_and_rounds_differ() -> None:
    _, asked = score(rounds=3)

    seeds_by_round = [{job.seed for job in asked[3 * r : 3 * r + 3]} for r in range(3)]

    assert [len(seeds) for seeds in seeds_by_round] == [1, 1, 1]
    assert len(set.union(*seeds_by_round)) == 3


def test_the_seeds_follow_from_that_of_the_run() -> None:
    seeds = [[job.seed for job in score(3, seed)[1]] for seed in (0, 0, 1)]

    assert seeds[0] == seeds[1] != seeds[2]


def test_a_round_trains_on_the_mask_of_that_round() -> None:
    _, asked = score(rounds=3)

    assert np.array_equal([job.kept_N for job in asked[1::3]], RANDOM_RN)
    assert all(np.array_equal(job.kept_N, np.arange(NUM) < 4) for job in asked[2::3])


def test_scores_stand_under_their_method_and_metric_in_the_order_of_the_rounds() -> None:
    scores, _ = score(rounds=3)

    # The controller keeps 4 and is asked for third, sixth and ninth.
    assert scores["controller"]["accuracy"] == pytest.approx([3.04, 6.04, 9.04])
    assert scores["controller"]["auc"] == pytest.approx([4.04, 7.04, 10.04])
    assert list(scores) == ["real_only", "uniform", "controller"]
    assert all(tuple(by_metric) == SCORE_METRICS for by_metric in scores.values())


def test_the_last_epoch_counts_though_an_earlier_one_may_be_better() -> None:
    class EarlyBest(FakeEvaluations):
        def one(self, job: Job) -> Evaluation:
            return Evaluation({metric: [0.9, 0.7] for metric in SCORE_METRICS}, 1, 0.0)

    scores = score_selections(EvaluationConfig(rounds=1), EarlyBest(), SELECTIONS, seed=0)

    assert scores["uniform"]["accuracy"] == [0.7]


def test_without_rounds_test_stays_unread() -> None:
    scores, asked = score(rounds=0)

    assert scores == {}
    assert asked == []


def test_a_negative_number_of_rounds_is_refused() -> None:
    with pytest.raises(ValidationError):
        EvaluationConfig(rounds=-1)
