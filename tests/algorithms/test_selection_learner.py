"""RLlib's own runner and learner around our environment, module and loss; no cluster needed."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.tune.registry import register_env

from envs import AdditiveReward, SampleSelectionEnv, SelectionProblem, phantom_problem
from rlsel.algorithms import rollouts
from rlsel.algorithms.learner import SelectionLearner
from rlsel.controllers import ControllerConfig
from rlsel.controllers.rl_module import SelectionModule

EPISODES, DECISIONS = 7, 5
pytestmark = pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning")


class Line:
    """One runner and one learner on a phantom."""

    def __init__(self, num_candidates: int = 23, alpha: float = 0.0, **training: Any) -> None:
        self.problem, self.reward = phantom_problem(
            np.random.default_rng(0), num_candidates, DECISIONS
        )
        settings = {"ratio": "per_candidate", "baseline": "decision"}
        settings |= {name: training.pop(name) for name in settings if name in training}
        register_env(
            "phantom", lambda _: SampleSelectionEnv(self.problem, self.reward, alpha=alpha)
        )
        config = (
            PPOConfig()
            .environment("phantom")
            .env_runners(num_env_runners=0, batch_mode="complete_episodes")
            .learners(
                num_learners=0, learner_class=SelectionLearner, learner_config_dict=settings
            )
            .training(
                **{
                    "lr": 1e-3, "gamma": 0.0, "lambda_": 1.0, "num_epochs": 2,
                    "minibatch_size": 19, "use_kl_loss": False, "use_critic": False,
                    "entropy_coeff": 0.0, **training,
                }
            )
            .rl_module(
                rl_module_spec=RLModuleSpec(
                    module_class=SelectionModule,
                    model_config={"controller": ControllerConfig(hidden_size=8)},
                )
            )
            .debugging(seed=3)
        )  # fmt: skip
        self.config = config
        self.runner = SingleAgentEnvRunner(config=config, worker_index=0)
        self.learner: Any = config.build_learner(env=self.runner.env)
        rollouts.seed_everything(0)
        self.episodes = [e.to_numpy() for e in self.runner.sample(num_episodes=EPISODES)]

    def batch(self) -> dict[str, Any]:
        """What the loss is handed."""
        return self.learner._learner_connector(
            rl_module=self.learner.module,
            batch={},
            episodes=copy.deepcopy(self.episodes),  # it appends the artificial rows to them
            shared_data={},
            metrics=self.learner.metrics,
        )[DEFAULT_MODULE_ID]

    def update(self) -> dict[str, float]:
        """One update, as RLlib's PPO asks for it; what the learner says of it."""
        return self.learner.update(
            episodes=copy.deepcopy(self.episodes),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: EPISODES * DECISIONS},
            num_epochs=self.config.num_epochs,
            minibatch_size=self.config.minibatch_size,
            shuffle_batch_per_epoch=self.config.shuffle_batch_per_epoch,
        )[DEFAULT_MODULE_ID]

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        state = self.learner.module[DEFAULT_MODULE_ID].state_dict()
        return {name: value.clone() for name, value in state.items()}


@pytest.fixture(scope="module")
def line() -> Line:
    return Line()


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
    for episode in line.episodes:
        assert len(episode) == DECISIONS
        assert episode.is_terminated
        expected = replay(line.problem, line.reward, episode.get_actions())
        assert episode.get_rewards() == pytest.approx(np.array(expected))


def test_one_row_an_episode_is_artificial(batch: dict[str, Any]) -> None:
    real_B = batch[Columns.LOSS_MASK]

    assert len(real_B) == EPISODES * (DECISIONS + 1)
    assert real_B.reshape(EPISODES, DECISIONS + 1).sum(0).tolist() == [EPISODES] * DECISIONS + [0]


def test_advantages_that_reach_the_loss_are_centred_over_real_rows_alone(
    batch: dict[str, Any],
) -> None:
    real_B, advantage_B = batch[Columns.LOSS_MASK], batch[Postprocessing.ADVANTAGES]

    assert advantage_B[real_B].mean() == pytest.approx(0, abs=1e-5)
    assert advantage_B[real_B].var(correction=0) == pytest.approx(1, abs=1e-4)
    assert not advantage_B[~real_B].any()
    # By decision, as the baseline of that name says.
    by_decision_ED = advantage_B.reshape(EPISODES, DECISIONS + 1)[:, :DECISIONS]
    assert by_decision_ED.mean(0).tolist() == pytest.approx([0] * DECISIONS, abs=1e-5)


def test_with_gamma_zero_a_decision_is_paid_by_its_own_reward(
    line: Line, batch: dict[str, Any]
) -> None:
    targets_ED = batch[Postprocessing.VALUE_TARGETS].reshape(EPISODES, DECISIONS + 1)

    for targets_D, episode in zip(targets_ED, line.episodes, strict=True):
        assert targets_D[:DECISIONS].numpy() == pytest.approx(episode.get_rewards(), abs=1e-6)


def test_with_gamma_one_it_is_paid_by_all_that_follow() -> None:
    line = Line(gamma=1.0, baseline="value", use_critic=True)

    targets_ED = line.batch()[Postprocessing.VALUE_TARGETS].reshape(EPISODES, DECISIONS + 1)

    for targets_D, episode in zip(targets_ED, line.episodes, strict=True):
        to_go_D = np.cumsum(episode.get_rewards()[::-1])[::-1]
        assert targets_D[:DECISIONS].numpy() == pytest.approx(to_go_D, abs=1e-5)


def test_the_first_gradient_step_sees_the_policy_that_sampled() -> None:
    line = Line(num_epochs=1, minibatch_size=None)

    figures = line.update()

    # One step on the whole batch: old and new policy are one.
    assert float(figures["clip_fraction"]) == 0
    assert float(figures["kl_per_candidate"]) == pytest.approx(0, abs=1e-7)
    assert float(figures["entropy_per_candidate"]) == pytest.approx(np.log(2), abs=0.02)
    assert float(figures["total_loss"]) == pytest.approx(0, abs=0.2)


def test_where_a_decision_has_one_candidate_both_ratios_learn_the_same() -> None:
    joint, single = (
        Line(num_candidates=DECISIONS, ratio=ratio, lr=0.1) for ratio in ("joint", "per_candidate")
    )
    before = joint.weights

    joint.update()
    single.update()

    assert joint.problem.batch_size == 1
    for name, weight in joint.weights.items():
        assert torch.equal(weight, single.weights[name])
    assert any(not torch.equal(weight, before[name]) for name, weight in joint.weights.items())


def test_where_a_decision_has_many_the_ratios_differ() -> None:
    joint, single = (Line(ratio=ratio, lr=0.1) for ratio in ("joint", "per_candidate"))

    joint.update()
    single.update()

    name = "controller.policy_head.weight"
    assert not torch.allclose(joint.weights[name], single.weights[name])


def test_an_update_makes_a_rewarded_action_more_probable() -> None:
    line = Line(num_epochs=1, minibatch_size=None, lr=0.01)
    batch = line.batch()
    module = line.learner.module[DEFAULT_MODULE_ID].unwrapped()

    def objective() -> float:
        """Advantage times log-probability, summed."""
        with torch.no_grad():
            logits_BK = module.forward_train(batch)[Columns.ACTION_DIST_INPUTS]
        distribution = module.action_dist_cls.from_logits(logits_BK)
        logp_B = distribution.logp(batch[Columns.ACTIONS])
        return float((logp_B * batch[Postprocessing.ADVANTAGES]).sum())

    before = objective()
    line.update()

    assert objective() > before


@pytest.mark.parametrize(("use_critic", "moves"), [(False, False), (True, True)])
def test_the_value_head_learns_only_with_its_baseline(use_critic: bool, moves: bool) -> None:
    line = Line(use_critic=use_critic, baseline="value" if use_critic else "decision")
    before = line.weights

    line.update()

    name = "controller.value_head.weight"
    assert torch.equal(line.weights[name], before[name]) is not moves


def test_an_entropy_bonus_pulls_towards_one_half() -> None:
    without, with_bonus = Line(entropy_coeff=0.0, lr=0.03), Line(entropy_coeff=100.0, lr=0.03)

    entropies = [
        float([one.update() for _ in range(5)][-1]["entropy_per_candidate"])
        for one in (without, with_bonus)
    ]

    assert entropies[0] < entropies[1]


def test_the_same_seed_makes_the_same_update() -> None:
    one, other = Line(), Line()

    one.update()
    other.update()

    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())


def test_the_smoothing_state_of_a_runner_can_be_taken_and_given_back() -> None:
    line, fresh = Line(alpha=0.8), Line(alpha=0.8)
    fresh.runner.sample(num_episodes=1)

    index, states = rollouts.smoothing_states(line.runner)
    restore: Callable[[Any], None] = rollouts.restore_smoothing({index: states, 5: [0.5]})
    restore(fresh.runner)

    assert states == [pytest.approx(line.episodes[-1].get_rewards()[-1])]
    assert rollouts.smoothing_states(fresh.runner) == (index, states)
