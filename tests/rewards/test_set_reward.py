"""From an evaluation to the number the controller is paid."""

from collections.abc import Iterable, Iterator
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from envs import RewardFn
from rlsel.metrics import METRICS, Metric
from rlsel.rewards import Evaluation, Job, RewardConfig, SetReward


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


class Noisy(Answers):
    """Scores that depend on the seed: 0.6, 0.7, 0.6, 0.7, ... in the order they are asked for."""

    def one(self, job: Job) -> Evaluation:
        self.asked.append(job)
        return Evaluation({"auc": [0.6 + 0.1 * (len(self.asked) % 2 == 0)]}, 1, 0.0)


def test_repeats_are_trained_with_seeds_of_their_own_which_all_sets_share() -> None:
    answers = Noisy({})
    reward = SetReward(answers, "full", "auc", seed=5, repeats=4)

    worth = reward(np.zeros(3, dtype=bool))
    reward(np.ones(3, dtype=bool))

    seeds = [job.seed for job in answers.asked]
    assert seeds[0] == 5
    assert len(set(seeds[:4])) == 4
    assert seeds[:4] == seeds[4:]
    assert worth == pytest.approx(0.65)


class Unsteady(Answers):
    """Scores that depend on the set and the seed alone; the more is kept, the noisier."""

    def __init__(self) -> None:
        super().__init__({})
        self.calls = 0

    def one(self, job: Job) -> Evaluation:
        self.asked.append(job)
        rng = np.random.default_rng([job.seed % 2**31, *job.kept_N.astype(int)])
        noise = 0.01 * job.kept_N.sum() * rng.standard_normal()
        return Evaluation({"auc": [0.5 + 0.1 * job.kept_N.sum() + noise]}, 1, 0.0)

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        self.calls += 1
        return super().many(jobs)


@pytest.mark.parametrize("repeats", [1, 2, 7])
def test_many_sets_at_once_are_worth_what_they_are_one_by_one(repeats: int) -> None:
    together, one_by_one = (SetReward(Unsteady(), "full", "auc", 5, repeats=repeats) for _ in "ab")
    masks_MN = np.random.default_rng(0).random((11, 3)) < 0.5

    assert together.many(masks_MN).tolist() == [one_by_one(mask_N) for mask_N in masks_MN]


def test_all_repeats_of_all_sets_are_asked_for_at_once() -> None:
    answers = Unsteady()

    SetReward(answers, "full", "auc", 5, repeats=4).many(np.eye(3, dtype=bool))

    assert answers.calls == 1
    assert len(answers.asked) == 12


def test_no_set_has_no_worth() -> None:
    assert SetReward(Unsteady(), "full", "auc", 5).many(np.zeros((0, 3), dtype=bool)).shape == (0,)


def test_a_probe_that_would_be_repeated_is_refused() -> None:
    with pytest.raises(ValidationError, match="a probe is the same for every seed"):
        RewardConfig(repeats=2)


def test_a_reward_names_the_fidelities_it_evaluates_by_the_cheapest_first() -> None:
    config = RewardConfig(fidelity="full", final_fidelity="finetune", repeats=2)

    assert config.fidelities == ("finetune", "full")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, False), ({"fidelity": "finetune"}, True), ({"final_fidelity": "full"}, False)],
)
def test_episodes_need_evaluators_unless_probes_alone_pay(settings: dict, expected: bool) -> None:
    assert RewardConfig(**settings).needs_evaluators is expected


def test_a_set_reward_is_what_the_environment_asks_for() -> None:
    assert isinstance(SetReward(Answers({}), "probe", "auc", seed=0), RewardFn)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_epoch_that_ran_away_is_never_the_best(bad: float) -> None:
    assert Evaluation({"log_loss": [-0.7, bad, -0.6]}, 1, 0.0).best("log_loss") == -0.6


@pytest.mark.parametrize("metric", get_args(Metric))
def test_a_training_that_ran_away_scores_worse_than_guessing_two_classes(metric) -> None:
    guessing = {"accuracy": 0.5, "auc": 0.5, "log_loss": -np.log(2)}

    score = Evaluation({metric: [np.nan, np.nan]}, 1, 0.0).best(metric)

    assert score == METRICS[metric].worst < guessing[metric]


def test_on_test_the_last_epoch_counts_however_good_the_others() -> None:
    assert Evaluation({"accuracy": [0.9, 0.7]}, 1, 0.0).last("accuracy") == 0.7


def test_a_reward_asks_for_its_own_metric_alone() -> None:
    answers = Answers({"log_loss": [-0.5]})

    SetReward(answers, "full", "log_loss", seed=0)(np.ones(7, dtype=bool))

    assert [job.metrics for job in answers.asked] == [("log_loss",)]
