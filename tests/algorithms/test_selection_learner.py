"""RLlib's own runner and learner around our environment, module, advantages and loss."""

from typing import Any

import numpy as np
import pytest
import torch
from line import DECISIONS, EPISODES, QUICK, Line
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from envs import AdditiveReward, SampleSelectionEnv, SelectionProblem
from rlsel.algorithms import rollouts
from rlsel.algorithms.config import CreditConfig
from rlsel.controllers.config import GRUConfig, MLPConfig, TransformerConfig

pytestmark = pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning")
CONTROLLERS = [
    TransformerConfig(hidden_size=8),
    GRUConfig(hidden_size=8),
    GRUConfig(name="gru_attention", hidden_size=8),
    MLPConfig(hidden_size=8),
]
every_controller = pytest.mark.parametrize("controller", CONTROLLERS, ids=lambda c: c.name)


@pytest.fixture(scope="module")
def line() -> Line:
    return Line(**QUICK)


@pytest.fixture(scope="module")
def batch(line: Line) -> dict[str, Any]:
    return line.batch()


def replay(problem: SelectionProblem, reward: AdditiveReward, actions_DK: np.ndarray) -> list:
    env = SampleSelectionEnv(problem, reward)
    env.reset()
    return [env.step(action_K)[1] for action_K in actions_DK]


def test_rllib_walks_through_whole_episodes_and_is_paid_what_the_environment_says(
    line: Line,
) -> None:
    assert len(line.episodes) == EPISODES
    for episode in line.episodes:
        assert len(episode) == DECISIONS
        assert episode.is_terminated
        expected = replay(line.problem, line.reward, episode.get_actions())
        assert episode.get_rewards() == pytest.approx(np.array(expected))


def test_the_rows_that_rllib_adds_never_reach_the_loss(line: Line, batch: dict[str, Any]) -> None:
    assert batch[Columns.LOSS_MASK].all()
    for values in (
        batch[Columns.ACTIONS],
        batch[Postprocessing.ADVANTAGES],
        *batch[Columns.OBS].values(),
    ):
        assert len(values) == EPISODES * DECISIONS
    decision_ED = batch[Columns.OBS]["decision"].argmax(1).reshape(EPISODES, DECISIONS)
    assert decision_ED.tolist() == [list(range(DECISIONS))] * EPISODES


@every_controller
def test_old_and_new_probabilities_of_a_batch_are_one_before_the_first_step(
    controller: Any,
) -> None:
    line = Line(controller=controller)
    batch = line.batch()

    logits_BK = line.module.forward_train(batch)[Columns.ACTION_DIST_INPUTS]

    torch.testing.assert_close(logits_BK, batch[Columns.ACTION_DIST_INPUTS], rtol=1e-5, atol=1e-6)


def test_the_first_gradient_step_sees_the_policy_that_sampled() -> None:
    line = Line(**QUICK | {"num_epochs": 1, "minibatch_size": EPISODES * DECISIONS})

    figures = line.update()

    # One step on the whole batch: old and new policy are one.
    assert float(figures["clip_fraction"]) == 0
    assert float(figures["kl_per_candidate"]) == pytest.approx(0, abs=1e-7)
    assert float(figures["entropy_per_candidate"]) == pytest.approx(np.log(2), abs=0.02)
    assert float(figures["total_loss"]) == pytest.approx(0, abs=0.2)


def test_where_a_decision_has_one_candidate_both_ratios_learn_the_same() -> None:
    joint, single = (
        Line(num_candidates=DECISIONS, **QUICK | {"ratio": ratio, "lr": 0.1})
        for ratio in ("joint", "per_candidate")
    )
    before = joint.weights

    joint.update()
    single.update()

    assert joint.problem.batch_size == 1
    for name, weight in joint.weights.items():
        assert torch.equal(weight, single.weights[name])
    assert any(not torch.equal(weight, before[name]) for name, weight in joint.weights.items())


def test_where_a_decision_has_many_the_ratios_differ() -> None:
    joint, single = (
        Line(**QUICK | {"ratio": ratio, "lr": 0.1}) for ratio in ("joint", "per_candidate")
    )

    joint.update()
    single.update()

    name = "controller.policy_head.weight"
    assert not torch.allclose(joint.weights[name], single.weights[name])


@pytest.mark.parametrize("credit", ["shared", "ridge"])
@pytest.mark.parametrize("name", ["ppo", "reinforce"])
def test_an_update_makes_a_rewarded_action_more_probable(name: str, credit: str) -> None:
    whole = {"num_epochs": 1, "minibatch_size": EPISODES * DECISIONS} if name == "ppo" else {}
    line = Line(name=name, credit=CreditConfig(name=credit, memory=0.0), lr=0.01, **whole)  # pyright: ignore
    batch = line.batch()

    def objective() -> float:
        """Advantage times log-probability, summed."""
        with torch.no_grad():
            logits_BK = line.module.forward_train(batch)[Columns.ACTION_DIST_INPUTS]
        distribution = line.module.action_dist_cls.from_logits(logits_BK)
        logp_BK = distribution.logp_per_candidate(batch[Columns.ACTIONS])
        return float((logp_BK * batch[Postprocessing.ADVANTAGES]).sum())

    before = objective()
    line.update()

    assert objective() > before


@pytest.mark.parametrize(("baseline", "moves"), [("decision", False), ("value", True)])
def test_the_value_head_learns_only_with_its_baseline(baseline: str, moves: bool) -> None:
    line = Line(**QUICK, baseline=baseline)
    before = line.weights

    line.update()

    name = "controller.value_head.weight"
    assert torch.equal(line.weights[name], before[name]) is not moves


@pytest.mark.parametrize(
    ("name", "controller"),
    [("ppo", CONTROLLERS[0]), ("ppo", CONTROLLERS[1]), ("reinforce", CONTROLLERS[0])],
    ids=str,
)
def test_the_same_seed_makes_the_same_update(controller: Any, name: str) -> None:
    one, other = (Line(controller=controller, name=name) for _ in range(2))
    before = one.weights

    one.update()
    other.update()

    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    assert any(not torch.equal(value, before[name]) for name, value in one.weights.items())


def test_weights_decay_by_the_learning_rate_times_the_decay() -> None:
    plain, decaying = (
        Line(**QUICK | {"num_epochs": 1, "minibatch_size": 35}, weight_decay=decay)
        for decay in (0.0, 0.5)
    )
    before = plain.weights

    plain.update()
    decaying.update()

    name = "controller.embed_candidate.weight"
    expected = plain.weights[name] - 1e-3 * 0.5 * before[name]
    torch.testing.assert_close(decaying.weights[name], expected, rtol=1e-4, atol=1e-6)


def test_what_was_taken_is_at_hand_after_an_update() -> None:
    line = Line(**QUICK)

    line.update()

    taken = line.learner.advantages.taken
    assert taken.decision_B.tolist() == list(range(DECISIONS)) * EPISODES
    assert taken.reward_B == pytest.approx(line.rewards().flatten(), abs=1e-6)


def test_smoothed_rewards_can_be_taken_and_given_back() -> None:
    line, fresh = Line(alpha=0.8), Line(alpha=0.8)
    fresh.runner.sample(num_episodes=1)

    smoothed = rollouts.smoothed_rewards(line.runner)
    fresh.begin(rollouts.Iteration(seed=0, number=1, num_runners=1, smoothed=smoothed))

    # RLlib hands episodes back in the order of their places.
    last_rewards = [episode.get_rewards()[-1] for episode in line.episodes]
    assert list(smoothed.values()) == pytest.approx(last_rewards)
    assert rollouts.smoothed_rewards(fresh.runner) == smoothed
