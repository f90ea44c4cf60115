"""The learning loop: rollouts, updates, a look at selection-val, a checkpoint."""

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import VectorizeMode
from jaxtyping import Bool, Float
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.tune.registry import register_env

from envs import ENV_ID, RewardFn, SampleSelectionVectorEnv, SelectionProblem
from envs.episodes import SETS_PER_DECISION
from rlsel.algorithms import advantages, learner, rollouts
from rlsel.algorithms.advantages import Taken
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.history import History, load_checkpoint, save_checkpoint, write_rows
from rlsel.algorithms.policy import (
    keep_most_probable,
    keep_probabilities,
    keep_within_ranges,
)
from rlsel.controllers import ControllerConfig, KeepRanges, build_controller
from rlsel.controllers.rl_module import SelectionModule
from rlsel.seeding import derive_seed

CPUS_PER_RUNNER = 0.05
"""What an env runner books; it mostly waits for evaluations."""
AVERAGED_ITERATIONS = 5
"""Keep probabilities are averaged over so many iterations: one iteration alone is noisy."""
RESTART_DELAY_S = 1.0
"""How long an env runner that met an error waits before it starts again; RLlib's own is 60."""
FINALISTS = 3
"""Checkpoints that the final judge compares."""
MAX_ATTEMPTS = 5
"""At an iteration. One is lost where every env runner was, and one more until they are back."""


@dataclass(frozen=True)
class Rung:
    """What pays and what judges from one iteration on."""

    reward: RewardFn
    """Paid during learning; sees reward-val."""
    judge: RewardFn
    """Scores a whole selection after every iteration; sees selection-val, which no reward does."""
    from_iteration: int = 1


@dataclass(frozen=True)
class Task:
    """What is to be learned: the problem, what it pays, and what chooses among checkpoints."""

    problem: SelectionProblem
    rungs: tuple[Rung, ...]
    """From the cheapest on. Scores of different rungs are not compared with each other."""
    env_settings: dict[str, Any]
    """`covers`, `alpha` and `smoothing_scope` of the environment."""
    keep_fraction: float | None = None
    """Share of the pool to keep; None leaves it to the controller."""
    keep_ranges: KeepRanges | None = None
    """Least and greatest share of each class that every decision keeps; None leaves it free."""
    class_names: tuple[str, ...] = ()
    """For the figures; without them classes go by number."""
    final_judge: RewardFn | None = None
    """Compares the best checkpoints of the last rung once more; None takes the rung's judge."""

    def select(self, probability_N: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """The mask that keep probabilities come to."""
        if self.keep_ranges:
            return keep_within_ranges(probability_N, self.problem.labels_N, self.keep_ranges)
        return keep_most_probable(probability_N, self.keep_fraction)

    def rung(self, iteration: int) -> Rung:
        """Of an iteration, counted from 1."""
        return [rung for rung in self.rungs if rung.from_iteration <= iteration][-1]


@dataclass(frozen=True)
class Learned:
    """The outcome: keep probabilities at the chosen iteration, and how it went."""

    keep_probability_N: Float[np.ndarray, " n"]
    chosen_iteration: int
    rows: list[dict[str, Any]]
    taken: list[Taken]
    """Of every iteration, what was kept and what was paid for it."""


def train(
    config: AlgorithmConfig,
    controller: ControllerConfig,
    task: Task,
    seed: int,
    run_dir: Path,
    num_env_runners: int,
    on_iteration: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Learned:
    """Learn for `config.iterations`, going on from the newest checkpoint in `run_dir`.

    Args:
        num_env_runners: Processes that roll out episodes, one by one; must divide
            `config.episodes`. 0 takes all of them in step in this process, and asks for the worth
            of all their sets at once.
        on_iteration: Called with the row of each finished iteration, those resumed included.
    """
    history, saved = load_checkpoint(run_dir) or (History(), None)
    write_rows(run_dir, history)  # drops rows of an iteration whose checkpoint was not completed
    for row in history.rows:
        on_iteration(row)
    if len(history.rows) < config.iterations:
        algorithm = _build(config, controller, task, seed, run_dir, num_env_runners)
        try:
            _restore(algorithm, history, saved)
            for iteration in range(len(history.rows), config.iterations):
                row = _iterate(algorithm, task, history, seed, iteration)
                save_checkpoint(run_dir, history, algorithm)
                on_iteration(row)
        finally:
            algorithm.stop()
            _PLAYED_HERE.pop(_env_name(run_dir), None)
    best = _choose(task, history)
    write_rows(run_dir, history)
    probability_N = history.averaged_probability(best, AVERAGED_ITERATIONS)
    return Learned(probability_N, best + 1, history.rows, history.taken)


def _choose(task: Task, history: History) -> int:
    """The iteration, counted from 0, whose selection is best on selection-val.

    The best few are compared by the final judge, where there is one; their rows get its score.
    """
    last = task.rung(len(history.rows)).from_iteration - 1
    ranked = sorted(range(last, len(history.rows)), key=lambda i: -history.rows[i]["selection_val"])
    if task.final_judge is None:
        return ranked[0]
    finalists = ranked[:FINALISTS]
    kept = [task.select(history.averaged_probability(i, AVERAGED_ITERATIONS)) for i in finalists]
    scores = _at_once((task.final_judge, kept_N) for kept_N in kept)
    for i, score in zip(finalists, scores, strict=True):
        history.rows[i]["final_selection_val"] = score
    return max(finalists, key=lambda i: history.rows[i]["final_selection_val"])


def _iterate(
    algorithm: Algorithm, task: Task, history: History, seed: int, iteration: int
) -> dict[str, Any]:
    start = time.monotonic()
    group, rung = algorithm.env_runner_group, task.rung(iteration + 1)
    if len(task.rungs) > 1:
        # Every time, since a runner that was lost comes back with the first rung.
        group.foreach_env_runner(rollouts.pay_by(rung.reward))
    result = _sample_and_update(algorithm, seed, iteration)
    history.taken.append(algorithm.learner_group._learner.advantages.taken)
    module = algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].unwrapped()
    module.controller.eval()
    history.probabilities_TN.append(
        keep_probabilities(module.controller, task.problem, derive_seed(seed, "read", iteration))
    )
    history.smoothing = dict(group.foreach_env_runner(rollouts.smoothing_states))
    kept_N = task.select(history.averaged_probability(iteration, AVERAGED_ITERATIONS))
    row = {"iteration": iteration + 1} | _figures(result, task, history, kept_N)
    judged, rewarded = _at_once([(rung.judge, kept_N), (rung.reward, kept_N)])
    row |= {"selection_val": judged, "reward_val": rewarded}
    row["seconds"] = time.monotonic() - start
    history.rows.append(row)
    return row


def _at_once(asked: Iterable[tuple[RewardFn, np.ndarray]]) -> list[float]:
    """Answers to (who, set), asked side by side, as evaluators may be free for all of them."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda question: question[0](question[1]), asked))


def _sample_and_update(algorithm: Algorithm, seed: int, iteration: int) -> dict[str, Any]:
    group = algorithm.env_runner_group
    num_runners = max(group.num_remote_workers(), 1)
    for _ in range(MAX_ATTEMPTS):
        group.foreach_env_runner(rollouts.reseed(seed, iteration, num_runners))
        result = algorithm.train()
        if np.size(result.get("env_runners", {}).get(rollouts.DECISION_REWARDS, [])):
            return result
    raise RuntimeError(f"iteration {iteration + 1}: no env runner came back with an episode")


def _figures(
    result: dict[str, Any], task: Task, history: History, kept_N: np.ndarray
) -> dict[str, Any]:
    problem = task.problem
    names = task.class_names or range(problem.num_classes)
    rewards = np.asarray(result["env_runners"][rollouts.DECISION_REWARDS], dtype=float)
    update = result["learners"][DEFAULT_MODULE_ID]
    before = history.rows[-1]["evaluations"] if history.rows else 0
    probability_N = history.probabilities_TN[-1]
    figures = {
        "evaluations": before + len(rewards) * SETS_PER_DECISION[task.env_settings["covers"]],
        "reward_mean": rewards.mean(),
        "reward_std": rewards.std(ddof=1) if len(rewards) > 1 else math.nan,
        "reward_min": rewards.min(),
        "reward_max": rewards.max(),
        "keep_fraction": probability_N.mean(),
        "num_selected": int(kept_N.sum()),
        "clip_fraction": update[learner.CLIP_FRACTION],
        "kl": update[learner.KL_PER_CANDIDATE],
        "entropy": update[learner.ENTROPY_PER_CANDIDATE],
        "grad_norm": update.get("gradients_default_optimizer_global_norm", math.nan),
        "lr": update.get("default_optimizer_learning_rate", math.nan),
        "explained_variance": update[advantages.EXPLAINED_VARIANCE],
        "positive_advantages": update[advantages.POSITIVE_SHARE],
    }
    per_class = {
        str(names[c]): float(probability_N[problem.labels_N == c].mean())
        for c in np.unique(problem.labels_N)
    }
    return {name: float(value) for name, value in figures.items()} | {
        "keep_fraction_per_class": per_class
    }


def _restore(algorithm: Algorithm, history: History, saved: Path | None) -> None:
    if saved is None:
        return
    algorithm.restore_from_path(str(saved.resolve()))
    # Ray 2.60 leaves the remote runners with fresh weights here, and they would sample the next
    # iteration from a policy that was never trained.
    weights = algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].get_state()
    group = algorithm.env_runner_group
    group.foreach_env_runner(lambda runner: runner.module.set_state(weights))
    group.foreach_env_runner(rollouts.restore_smoothing(history.smoothing))


def _build(
    config: AlgorithmConfig,
    controller: ControllerConfig,
    task: Task,
    seed: int,
    run_dir: Path,
    num_env_runners: int,
) -> Algorithm:
    env_name = _register(task, run_dir, is_played_here=num_env_runners == 0)
    batch_size = config.episodes * task.problem.num_decisions
    total_steps, is_ppo = batch_size * config.iterations, config.name == "ppo"
    ppo = (
        PPOConfig()
        .environment(
            env_name,
            disable_env_checking=True,  # it would pay for evaluations; our tests check the env
        )
        .env_runners(
            num_env_runners=num_env_runners,
            num_envs_per_env_runner=1 if num_env_runners else config.episodes,
            gym_env_vectorize_mode=VectorizeMode.VECTOR_ENTRY_POINT,
            num_cpus_per_env_runner=CPUS_PER_RUNNER,
            batch_mode="complete_episodes",
            rollout_fragment_length="auto",
            # By default an iteration slower than 60 s is thrown away in silence.
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
            minibatch_size=min(config.minibatch_size, batch_size) if is_ppo else None,
            train_batch_size_per_learner=batch_size,
            grad_clip=config.max_grad_norm,
            grad_clip_by="global_norm",
            use_kl_loss=False,
            learner_class=learner.SelectionLearner,
            learner_config_dict={"algorithm": config, "total_steps": total_steps},
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
    return ppo.build_algo()


_PLAYED_HERE: dict[str, Task] = {}
"""By name of the environment; a task that is played in this process is not pickled."""


def _register(task: Task, run_dir: Path, is_played_here: bool) -> str:
    # In the registry rather than in the runners' arguments, so that a lost runner can start again.
    name = _env_name(run_dir)
    if is_played_here:
        _PLAYED_HERE[name] = task
        register_env(name, partial(_make_environment_here, name))
    else:
        register_env(name, partial(_make_environment, task))
    return name


def _env_name(run_dir: Path) -> str:
    # One name per run, since the trials of a sweep share the registry.
    return f"{ENV_ID}/{run_dir.resolve()}"


def _make_environment_here(name: str, context: dict[str, Any]) -> SampleSelectionVectorEnv:
    return _make_environment(_PLAYED_HERE[name], context)


def _make_environment(task: Task, context: dict[str, Any]) -> SampleSelectionVectorEnv:
    return SampleSelectionVectorEnv(
        task.problem, task.rungs[0].reward, context["num_envs"], **task.env_settings
    )
