"""One of RLlib's own runners and one learner on a phantom; no cluster needed."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.tune.registry import register_env

from envs import SampleSelectionVectorEnv, phantom_problem
from rlsel.algorithms import rollouts
from rlsel.algorithms.build import ppo_config
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.task import Task
from rlsel.controllers.config import TransformerConfig

EPISODES, DECISIONS = 7, 5
ITERATIONS = 10
TOTAL_STEPS = ITERATIONS * EPISODES * DECISIONS
QUICK: dict[str, Any] = {"lr": 1e-3, "lr_end": None, "num_epochs": 2, "minibatch_size": 19}
"""Of PPO, unless a test says otherwise."""


class Line:
    """Put together as `rlsel.algorithms.build` does it."""

    def __init__(
        self,
        num_candidates: int = 23,
        alpha: float = 0.0,
        controller: Any = None,
        **settings: Any,
    ) -> None:
        self.problem, self.reward = phantom_problem(
            np.random.default_rng(0), num_candidates, DECISIONS
        )
        self.settings = AlgorithmConfig(episodes=EPISODES, iterations=ITERATIONS, **settings)
        register_env(
            "phantom",
            lambda context: SampleSelectionVectorEnv(
                self.problem, self.reward, context["num_envs"], alpha=alpha
            ),
        )
        task = Task(self.problem, self.reward, self.reward, {})
        controller = controller or TransformerConfig(hidden_size=8)
        self.config = ppo_config(self.settings, controller, task, 3, "phantom", 0)
        self.runner = SingleAgentEnvRunner(config=self.config, worker_index=0)
        self.learner: Any = self.config.build_learner(env=self.runner.env)
        self.begin(rollouts.Iteration(seed=0, number=0, num_runners=1))
        self.episodes = [e.to_numpy() for e in self.runner.sample(num_episodes=EPISODES)]

    def begin(self, iteration: rollouts.Iteration) -> None:
        tell: Callable[[Any], None] = rollouts.begin(iteration)
        tell(self.runner)

    @property
    def module(self) -> Any:
        return self.learner.module[DEFAULT_MODULE_ID].unwrapped()

    def batch(self) -> dict[str, Any]:
        """What the loss is handed; with credit, a look at the batch is one more update of it."""
        return self.learner._learner_connector(
            rl_module=self.learner.module,
            batch={},
            episodes=copy.deepcopy(self.episodes),  # it appends the artificial rows to them
            shared_data={},
            metrics=self.learner.metrics,
        )[DEFAULT_MODULE_ID]

    def loss(self, batch: dict[str, Any], **forward: torch.Tensor) -> torch.Tensor:
        """Of the present weights, or with something else in the place of what `forward` says."""
        return self.learner.compute_loss_for_module(
            module_id=DEFAULT_MODULE_ID,
            config=self.config,
            batch=batch,
            fwd_out=self.module.forward_train(batch) | forward,
        )

    def update(self, done: int = EPISODES * DECISIONS) -> dict[str, float]:
        """One update, as RLlib's PPO asks for it, after so many decisions in all."""
        return self.learner.update(
            episodes=copy.deepcopy(self.episodes),
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: done},
            num_epochs=self.config.num_epochs,
            minibatch_size=self.config.minibatch_size,
            shuffle_batch_per_epoch=self.config.shuffle_batch_per_epoch,
        )[DEFAULT_MODULE_ID]

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.module.state_dict().items()}

    def by_episode(self, values_B: torch.Tensor) -> np.ndarray:
        """(EPISODES, DECISIONS)."""
        return values_B.detach().numpy().reshape(EPISODES, DECISIONS)

    def rewards(self) -> np.ndarray:
        return np.stack([episode.get_rewards() for episode in self.episodes])
