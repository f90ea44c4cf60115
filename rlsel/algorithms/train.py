"""The learning loop: rollouts, an update, a score on selection-val, a checkpoint.

Shape letters: N candidates, M candidates of a shard.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.core import DEFAULT_MODULE_ID

from envs import RewardFn
from envs.episodes import SETS_PER_DECISION
from rlsel.algorithms import advantages, learner, rollouts
from rlsel.algorithms.advantages import Taken
from rlsel.algorithms.build import build_algorithm, forget, restore
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.history import History, load_checkpoint, save_checkpoint, write_rows
from rlsel.algorithms.policy import keep_probabilities
from rlsel.algorithms.readout import read_pool, save_policy
from rlsel.algorithms.task import Task
from rlsel.controllers import Controller, ControllerConfig, build_controller
from rlsel.seeding import derive_seed, rng

FINALISTS = 3
"""Iterations that the final judge compares."""
CHOSEN_AMONG = 0.25
"""One of the last iterations is chosen: of this share of them, and of `FINALISTS` at least. An
earlier iteration has learned from fewer rewards, so a better score on selection-val is mostly
luck."""
MAX_ATTEMPTS = 5
"""Attempts at an iteration. Attempts fail while all env runners are lost or restarting."""


@dataclass(frozen=True)
class Learned:
    """The outcome: keep probabilities at the chosen iteration, and figures of all iterations."""

    keep_probability_N: Float[np.ndarray, " n"]
    last_probability_M: Float[np.ndarray, " m"]
    """Of the last policy alone, on the shard that it learned on last. It shows whether the policy
    has collapsed."""
    chosen_iteration: int
    rows: list[dict[str, Any]]
    taken: list[Taken]
    """The decisions of every iteration, with their rewards."""


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
        num_env_runners: Processes that play episodes, each one at a time; the number must divide
            `config.episodes`. 0 plays all episodes in step in this process and asks for the worths
            of all their sets together.
        on_iteration: Called with the figures of each iteration, those before a resume included.
    """
    history, saved = load_checkpoint(run_dir) or (History(), None)
    write_rows(run_dir, history)  # an iteration without a complete checkpoint loses its row
    for row in history.rows:
        on_iteration(row)
    if len(history.rows) < config.iterations:
        algorithm = build_algorithm(config, controller, task, seed, run_dir, num_env_runners)
        try:
            restore(algorithm, saved)
            for iteration in range(len(history.rows), config.iterations):
                row = _iterate(algorithm, task, history, seed, iteration)
                if task.problem.num_shards > 1:
                    save_policy(run_dir, iteration + 1, _controller_of(algorithm))
                save_checkpoint(run_dir, history, algorithm)
                on_iteration(row)
        finally:
            algorithm.stop()
            forget(run_dir)
    finalists = _finalists(task, history)
    if task.problem.num_shards == 1:
        probabilities = {i: history.mean_probability(i) for i in finalists}
    else:
        build = partial(build_controller, controller, task.problem, task.keep_ranges)
        probabilities = read_pool(run_dir, build, task.problem, seed, finalists)
    best = _choose(task, history, probabilities)
    write_rows(run_dir, history)
    return Learned(
        probabilities[best],
        history.probabilities_TM[-1],
        best + 1,
        history.rows,
        history.taken,
    )


def _finalists(task: Task, history: History) -> list[int]:
    """The iterations, counted from 0, whose selections are best on selection-val, of the last ones.

    There are several if they are to be compared once more: by a final judge, or because each was
    scored by the selection from its shard alone.
    """
    iterations = len(history.rows)
    late = iterations - max(FINALISTS, math.ceil(CHOSEN_AMONG * iterations))
    ranked = sorted(
        range(max(late, 0), iterations), key=lambda i: -history.rows[i]["selection_val"]
    )
    is_over = task.final_judge is None and task.problem.num_shards == 1
    return ranked[: 1 if is_over else FINALISTS]


def _choose(
    task: Task, history: History, probabilities: Mapping[int, Float[np.ndarray, " n"]]
) -> int:
    """The best of several finalists by the final judge, or else by the judge of all iterations.

    Their rows get its scores.
    """
    if len(probabilities) == 1 and task.final_judge is None:
        return next(iter(probabilities))
    judge = task.final_judge or task.judge
    scores = _at_once((judge, task.select(p_N)) for p_N in probabilities.values())
    for i, score in zip(probabilities, scores, strict=True):
        history.rows[i]["final_selection_val"] = score
    return max(probabilities, key=lambda i: history.rows[i]["final_selection_val"])


def shard_of(seed: int, iteration: int, num_shards: int) -> int:
    """The shard that an iteration, counted from 0, learns on.

    Each shard has its turn before any has another; the order is drawn anew each time.
    """
    turn, place = divmod(iteration, num_shards)
    return int(rng(seed, "shards", turn).permutation(num_shards)[place])


def _iterate(
    algorithm: Algorithm, task: Task, history: History, seed: int, iteration: int
) -> dict[str, Any]:
    start = time.monotonic()
    group, shard = algorithm.env_runner_group, shard_of(seed, iteration, task.problem.num_shards)
    told = rollouts.Iteration(
        seed, iteration, max(group.num_remote_workers(), 1), history.smoothed, shard
    )
    result = _sample_and_update(algorithm, told)
    history.taken.append(algorithm.learner_group._learner.advantages.taken)
    controller = _controller_of(algorithm)
    controller.eval()
    read_seed = derive_seed(seed, "read", iteration)
    history.probabilities_TM.append(
        keep_probabilities(controller, task.problem, read_seed, shards=[shard])
    )
    history.shards.append(shard)
    states = group.foreach_env_runner(rollouts.smoothed_rewards)
    history.smoothed = {number: q for state in states for number, q in state.items()}
    kept_N = task.select_of_shard(history.mean_probability(iteration), shard)
    row = {"iteration": iteration + 1} | _figures(result, task, history, kept_N)
    judged, rewarded = _at_once([(task.judge, kept_N), (task.reward, kept_N)])
    row |= {"selection_val": judged, "reward_val": rewarded}
    row["seconds"] = time.monotonic() - start
    history.rows.append(row)
    return row


def _controller_of(algorithm: Algorithm) -> Controller:
    return algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].unwrapped().controller


def _at_once(asked: Iterable[tuple[RewardFn, np.ndarray]]) -> list[float]:
    """The worth of each set by its reward function, asked for in parallel."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda question: question[0](question[1]), asked))


def _sample_and_update(algorithm: Algorithm, told: rollouts.Iteration) -> dict[str, Any]:
    for _ in range(MAX_ATTEMPTS):
        algorithm.env_runner_group.foreach_env_runner(rollouts.begin(told))
        result = algorithm.train()
        if np.size(result.get("env_runners", {}).get(rollouts.DECISION_REWARDS, [])):
            return result
    raise RuntimeError(f"iteration {told.number + 1}: no env runner came back with an episode")


def _figures(
    result: dict[str, Any], task: Task, history: History, kept_N: np.ndarray
) -> dict[str, Any]:
    problem = task.problem
    names = task.class_names or range(problem.num_classes)
    rewards = np.asarray(result["env_runners"][rollouts.DECISION_REWARDS], dtype=float)
    update = result["learners"][DEFAULT_MODULE_ID]
    before = history.rows[-1]["evaluations"] if history.rows else 0
    probability_M = history.probabilities_TM[-1]
    labels_M = problem.labels_N[problem.members_of(history.shards[-1])]
    figures = {
        "evaluations": before + len(rewards) * SETS_PER_DECISION[task.env_settings["covers"]],
        "reward_mean": rewards.mean(),
        "reward_std": rewards.std(ddof=1) if len(rewards) > 1 else math.nan,
        "reward_min": rewards.min(),
        "reward_max": rewards.max(),
        "keep_fraction": probability_M.mean(),
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
        str(names[c]): float(probability_M[labels_M == c].mean()) for c in np.unique(labels_M)
    }
    return {name: float(value) for name, value in figures.items()} | {
        "keep_fraction_per_class": per_class
    }
