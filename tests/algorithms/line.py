"""One of RLlib's own runners and one learner on a phantom; no cluster needed."""

import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import VectorizeMode
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from ray.tune.registry import register_env

from envs import SampleSelectionVectorEnv, phantom_problem
from rlsel.algorithms import rollouts
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.learner import SelectionLearner
from rlsel.controllers import build_controller
from rlsel.controllers.config import TransformerConfig
from rlsel.controllers.rl_module import SelectionModule

EPISODES, DECISIONS = 7, 5
TOTAL_STEPS = 10 * EPISODES * DECISIONS
QUICK: dict[str, Any] = {"lr": 1e-3, "lr_end": None, "num_epochs": 2, "minibatch_size": 19}
"""Of PPO, unless a test says otherwise."""


class Line:
    """Put together as `rlsel.algorithms.train` does it."""

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
        self.settings = AlgorithmConfig(**settings)
        is_ppo = self.settings.name == "ppo"
        register_env(
            "phantom",
            lambda context: SampleSelectionVectorEnv(
                self.problem, self.reward, context["num_envs"], alpha=alpha
            ),
        )
        controller = controller or TransformerConfig(hidden_size=8)
        self.config = (
            PPOConfig()
            .environment("phantom")
            .env_runners(
                num_env_runners=0,
                num_envs_per_env_runner=EPISODES,
                gym_env_vectorize_mode=VectorizeMode.VECTOR_ENTRY_POINT,
                batch_mode="complete_episodes",
            )
            .learners(
                num_learners=0,
                learner_class=SelectionLearner,
                learner_config_dict={"algorithm": self.settings, "total_steps": TOTAL_STEPS},
            )
            .training(
                lr=self.settings.lr
                if self.settings.lr_end is None
                else [[0, self.settings.lr], [TOTAL_STEPS, self.settings.lr_end]],
                gamma=self.settings.gamma,
                lambda_=1.0,
                num_epochs=self.settings.num_epochs if is_ppo else 1,
                minibatch_size=self.settings.minibatch_size if is_ppo else None,
                train_batch_size_per_learner=EPISODES * DECISIONS,
                use_kl_loss=False,
            )
            .rl_module(
                rl_module_spec=RLModuleSpec(
                    module_class=SelectionModule,
                    model_config={"build": partial(build_controller, controller, self.problem)},
                )
            )
            .debugging(seed=3)
        )
        self.runner = SingleAgentEnvRunner(config=self.config, worker_index=0)
        self.learner: Any = self.config.build_learner(env=self.runner.env)
        rollouts.seed_everything(0)
        self.episodes = [e.to_numpy() for e in self.runner.sample(num_episodes=EPISODES)]

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
