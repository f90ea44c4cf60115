"""The learning loop: rollouts, updates, a look at selection-val, a checkpoint."""

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from rlsel.algorithms.task import Task
from rlsel.controllers import ControllerConfig
from rlsel.seeding import derive_seed

FINALISTS = 3
"""Checkpoints that the final judge compares."""
CHOSEN_AMONG = 0.25
"""Share of the iterations, the last ones, of which one is chosen, and `FINALISTS` at least. An
earlier one that scores better on selection-val does so by luck more often than not: it had less to
learn from."""
MAX_ATTEMPTS = 5
"""At an iteration. One is lost where every env runner was, and one more until they are back."""


@dataclass(frozen=True)
class Learned:
    """The outcome: keep probabilities at the chosen iteration, and how it went."""

    keep_probability_N: Float[np.ndarray, " n"]
    last_probability_N: Float[np.ndarray, " n"]
    """Of the last policy alone, which is what may have collapsed."""
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
        algorithm = build_algorithm(config, controller, task, seed, run_dir, num_env_runners)
        try:
            restore(algorithm, saved)
            for iteration in range(len(history.rows), config.iterations):
                row = _iterate(algorithm, task, history, seed, iteration)
                save_checkpoint(run_dir, history, algorithm)
                on_iteration(row)
        finally:
            algorithm.stop()
            forget(run_dir)
    best = _choose(task, history)
    write_rows(run_dir, history)
    return Learned(
        history.mean_probability(best),
        history.probabilities_TN[-1],
        best + 1,
        history.rows,
        history.taken,
    )


def _choose(task: Task, history: History) -> int:
    """The iteration, counted from 0, whose selection is best on selection-val; of the last ones.

    The best few are compared by the final judge, where there is one; their rows get its score.
    """
    iterations = len(history.rows)
    late = iterations - max(FINALISTS, math.ceil(CHOSEN_AMONG * iterations))
    ranked = sorted(
        range(max(late, 0), iterations), key=lambda i: -history.rows[i]["selection_val"]
    )
    if task.final_judge is None:
        return ranked[0]
    finalists = ranked[:FINALISTS]
    kept = [task.select(history.mean_probability(i)) for i in finalists]
    scores = _at_once((task.final_judge, kept_N) for kept_N in kept)
    for i, score in zip(finalists, scores, strict=True):
        history.rows[i]["final_selection_val"] = score
    return max(finalists, key=lambda i: history.rows[i]["final_selection_val"])


def _iterate(
    algorithm: Algorithm, task: Task, history: History, seed: int, iteration: int
) -> dict[str, Any]:
    start = time.monotonic()
    group = algorithm.env_runner_group
    told = rollouts.Iteration(seed, iteration, max(group.num_remote_workers(), 1), history.smoothed)
    result = _sample_and_update(algorithm, told)
    history.taken.append(algorithm.learner_group._learner.advantages.taken)
    module = algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].unwrapped()
    module.controller.eval()
    history.probabilities_TN.append(
        keep_probabilities(module.controller, task.problem, derive_seed(seed, "read", iteration))
    )
    states = group.foreach_env_runner(rollouts.smoothed_rewards)
    history.smoothed = {number: q for state in states for number, q in state.items()}
    kept_N = task.select(history.mean_probability(iteration))
    row = {"iteration": iteration + 1} | _figures(result, task, history, kept_N)
    judged, rewarded = _at_once([(task.judge, kept_N), (task.reward, kept_N)])
    row |= {"selection_val": judged, "reward_val": rewarded}
    row["seconds"] = time.monotonic() - start
    history.rows.append(row)
    return row


def _at_once(asked: Iterable[tuple[RewardFn, np.ndarray]]) -> list[float]:
    """Answers to (who, set), asked side by side, as evaluators may be free for all of them."""
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
