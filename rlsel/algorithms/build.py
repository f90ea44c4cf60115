"""Builds RLlib's PPO around the environment and a controller, and restores its state."""

import math
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gymnasium import VectorizeMode
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.tune.registry import register_env

from envs import ENV_ID, SampleSelectionVectorEnv
from rlsel.algorithms import learner, rollouts
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.history import load_state
from rlsel.algorithms.task import Task
from rlsel.controllers import ControllerConfig, build_controller
from rlsel.controllers.rl_module import SelectionModule
from rlsel.seeding import derive_seed

CPUS_PER_RUNNER = 0.05
"""Cores that an env runner books. It mostly waits for evaluations."""
MAX_GRAD_NORM = 0.5
"""Gradients are scaled down to this norm."""
RESTART_DELAY_S = 1.0
"""Seconds before an env runner is restarted after an error; RLlib's default is 60."""


class _Algorithm(PPO):
    """PPO without the folder in ~/ray_results that Ray makes for every algorithm.

    Nothing reads that folder, and making it fails if the home folder is read-only.
    """

    def _setup_logdir(self) -> None:
        self._logdir = tempfile.gettempdir()


def build_algorithm(
    config: AlgorithmConfig,
    controller: ControllerConfig,
    task: Task,
    seed: int,
    run_dir: Path,
    num_env_runners: int,
) -> Algorithm:
    """An untrained algorithm. The caller has to call `stop` on it, and `forget` with `run_dir`."""
    env_name = _register(task, run_dir, is_played_here=num_env_runners == 0)
    return ppo_config(config, controller, task, seed, env_name, num_env_runners).build_algo()


def ppo_config(
    config: AlgorithmConfig,
    controller: ControllerConfig,
    task: Task,
    seed: int,
    env_name: str,
    num_env_runners: int,
) -> PPOConfig:
    """RLlib's settings for an environment that is registered as `env_name`."""
    batch_size = config.episodes * task.problem.num_decisions
    total_steps, is_ppo = batch_size * config.iterations, config.name == "ppo"
    minibatch_size = min(config.minibatch_size, batch_size) if is_ppo else batch_size
    return (
        PPOConfig(algo_class=_Algorithm)
        .environment(
            env_name,
            disable_env_checking=True,  # RLlib's check asks for rewards, which are expensive
        )
        .env_runners(
            num_env_runners=num_env_runners,
            num_envs_per_env_runner=1 if num_env_runners else config.episodes,
            gym_env_vectorize_mode=VectorizeMode.VECTOR_ENTRY_POINT,
            num_cpus_per_env_runner=CPUS_PER_RUNNER,
            batch_mode="complete_episodes",
            rollout_fragment_length="auto",
            # By default RLlib silently drops the samples of an iteration slower than 60 s.
            sample_timeout_s=None,
        )
        .fault_tolerance(delay_between_env_runner_restarts_s=RESTART_DELAY_S)
        .learners(num_learners=0)
        .training(
            lr=config.lr
            if config.lr_end is None
            else [[0, config.lr], [total_steps, config.lr_end]],
            gamma=config.gamma,
            lambda_=1.0,
            num_epochs=config.num_epochs if is_ppo else 1,
            minibatch_size=minibatch_size if is_ppo else None,
            train_batch_size_per_learner=batch_size,
            grad_clip=MAX_GRAD_NORM,
            grad_clip_by="global_norm",
            use_kl_loss=False,
            learner_class=learner.SelectionLearner,
            learner_config_dict={
                "algorithm": config,
                "num_minibatches": math.ceil(batch_size / minibatch_size),
            },
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=SelectionModule,
                model_config={
                    "build": partial(build_controller, controller, task.problem, task.keep_ranges)
                },
            )
        )
        .callbacks(rollouts.EpisodeWatcher)
        .debugging(seed=derive_seed(seed, "controller"))
    )


_PLAYED_HERE: dict[str, Task] = {}
"""Name of an environment -> its task. A task that is played in this process is not pickled."""


def _register(task: Task, run_dir: Path, is_played_here: bool) -> str:
    # Ray's registry holds the task, so that a runner that was lost finds it when it is restarted.
    name = _env_name(run_dir)
    if is_played_here:
        _PLAYED_HERE[name] = task
        register_env(name, partial(_make_environment_here, name))
    else:
        register_env(name, partial(_make_environment, task))
    return name


def _env_name(run_dir: Path) -> str:
    # Each run has a name of its own, since the trials of a sweep share the registry. Names must be
    # ASCII.
    return f"{ENV_ID}/{quote(os.fsencode(run_dir.resolve()))}"


def _make_environment_here(name: str, context: dict[str, Any]) -> SampleSelectionVectorEnv:
    return _make_environment(_PLAYED_HERE[name], context)


def _make_environment(task: Task, context: dict[str, Any]) -> SampleSelectionVectorEnv:
    return SampleSelectionVectorEnv(
        task.problem, task.reward, context["num_envs"], **task.env_settings
    )


def forget(run_dir: Path) -> None:
    """Release the task of a run that was played in this process."""
    _PLAYED_HERE.pop(_env_name(run_dir), None)


def restore(algorithm: Algorithm, saved: Path | None) -> None:
    """Restore the state that `save_checkpoint` wrote; None changes nothing."""
    if saved is None:
        return
    algorithm.set_state(load_state(saved))
    # Ray 2.60 leaves the remote runners with fresh weights here, and they would sample the next
    # iteration from a policy that was never trained.
    weights = algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].get_state()
    algorithm.env_runner_group.foreach_env_runner(lambda runner: runner.module.set_state(weights))
