"""From an evaluation to the number the controller is paid."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from envs import RewardFn
from rlsel.rewards import Evaluation, Job, SetReward
from rlsel.rewards.jobs import WORST_SCORE
from rlsel.rewards.plan import EvaluatorsConfig, plan_evaluators


class Answers:
    """`Evaluations` that give one answer and remember what they were asked."""

    def __init__(self, scores: dict[str, list[float]]) -> None:
        self.scores = scores
        self.asked: list[Job] = []

    def one(self, job: Job) -> Evaluation:
        self.asked.append(job)
        return Evaluation(self.scores, num_train=1, train_s=0.0)

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        return map(self.one, jobs)


def test_a_reward_is_the_best_of_the_validated_epochs() -> None:
    reward = SetReward(Answers({"auc": [0.6, 0.8, 0.7]}), "full", "auc", seed=5)

    assert reward(np.zeros(3, dtype=bool)) == 0.8


def test_every_set_is_trained_with_the_same_seed_and_on_the_split_that_was_named() -> None:
    answers = Answers({"auc": [0.6]})
    reward = SetReward(answers, "full", "auc", seed=5, split="selection_val")
    masks = [np.array(bits, dtype=bool) for bits in ([0, 0, 1], [1, 1, 0])]

    for mask_N in masks:
        reward(mask_N)

    assert [(job.fidelity, job.seed, job.split) for job in answers.asked] == [
        ("full", 5, "selection_val")
    ] * 2
    assert np.array_equal(np.stack([job.kept_N for job in answers.asked]), np.stack(masks))


def test_a_set_reward_is_what_the_environment_asks_for() -> None:
    assert isinstance(SetReward(Answers({}), "probe", "auc", seed=0), RewardFn)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_epoch_that_ran_away_is_never_the_best(bad: float) -> None:
    assert Evaluation({"log_loss": [-0.7, bad, -0.6]}, 1, 0.0).best("log_loss") == -0.6


@pytest.mark.parametrize("metric", ["accuracy", "auc", "log_loss"])
def test_a_training_that_ran_away_scores_worse_than_guessing_two_classes(metric) -> None:
    guessing = {"accuracy": 0.5, "auc": 0.5, "log_loss": -np.log(2)}

    score = Evaluation({metric: [np.nan, np.nan]}, 1, 0.0).best(metric)

    assert score == WORST_SCORE[metric] < guessing[metric]


def test_on_test_the_last_epoch_counts_however_good_the_others() -> None:
    assert Evaluation({"accuracy": [0.9, 0.7]}, 1, 0.0).last("accuracy") == 0.7


@pytest.mark.parametrize(
    ("config", "cpus", "gpus", "expected"),
    [
        ({}, 8.0, 0.0, (8, 0.75, 0.0)),  # one a core
        ({"count": 3}, 8.0, 0.0, (3, 1.0, 0.0)),
        ({}, 0.5, 0.0, (1, 0.37, 0.0)),
        ({}, 16.0, 2.0, (2, 1.0, 1.0)),  # one a GPU
        ({"gpus_each": 0.25}, 16.0, 2.0, (8, 1.0, 0.25)),
        ({"gpus_each": 0.1}, 16.0, 1.0, (10, 1.0, 0.1)),  # 1 / 0.1 is no whole number of floats
        ({"gpus_each": 0.25, "count": 3}, 2.0, 2.0, (3, 0.5, 0.25)),
        # Asked for outright, though no GPU is up yet: an autoscaling cluster starts the nodes.
        ({"gpus_each": 0.5, "count": 3}, 8.0, 0.0, (3, 1.0, 0.5)),
    ],
)
def test_evaluators_fill_the_gpus_or_else_the_cores(config, cpus, gpus, expected) -> None:
    plan = plan_evaluators(EvaluatorsConfig(**config), cpus, gpus)

    assert (plan.count, plan.cpus_each, plan.gpus_each) == expected
    assert plan.count * plan.cpus_each <= max(cpus, plan.count * 0.01)
