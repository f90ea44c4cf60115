"""The stage between features and final scores: the controller learns, under a progress bar."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from envs import SelectionProblem
from rlsel.config import Experiment
from rlsel.evaluation.overfitting import warn_of_overfitting
from rlsel.progress import console, progress_bar
from rlsel.rewards import Fidelity, SetReward, Split
from rlsel.rewards.noise import describe_noise, measure_noise_floor, warn_of_noise
from rlsel.rewards.pool import EvaluationPool
from rlsel.run_folder import RunFolder
from rlsel.seeding import derive_seed
from rlsel.selectors import Selection

MAX_RUNNERS = 64
"""Env runners at most: each is a process of some 550 MB."""


def learn(
    experiment: Experiment,
    problem: SelectionProblem,
    class_names: tuple[str, ...],
    pool: EvaluationPool,
    folder: RunFolder,
) -> Selection | None:
    """Train the controller; None if it does not compete. The record gets how it went."""
    if "controller" not in experiment.selection.methods:
        return None
    # Only now: importing RLlib takes seconds, which a run without a controller need not pay.
    from rlsel.algorithms.train import Rung, Task
    from rlsel.selectors.controller import learn_selection

    reward = experiment.reward
    enough = _look_at_noise(experiment, problem, pool, folder)

    def by(fidelity: Fidelity, split: Split) -> SetReward:
        return _set_reward(experiment, pool, fidelity, split, enough.get(fidelity, 0.0))

    final = reward.final_fidelity
    task = Task(
        problem=problem,
        rungs=tuple(
            Rung(by(fidelity, "reward_val"), by(fidelity, "selection_val"), start)
            for start, fidelity in reward.rungs
        ),
        final_judge=by(final, "selection_val") if final else None,
        env_settings={
            "covers": reward.covers,
            "alpha": reward.alpha,
            "smoothing_scope": reward.smoothing_scope,
        },
        keep_fraction=experiment.selection.keep_fraction,
        class_names=class_names,
    )
    with progress_bar("learning", experiment.algorithm.iterations) as bar:

        def show(row: dict[str, Any]) -> None:
            folder.update()
            bar.advance(
                note=f"{reward.metric} reward {row['reward_mean']:.4f}, "
                f"selection-val {row['selection_val']:.4f}, {row['evaluations']:.0f} evaluations"
            )

        selection, learned = learn_selection(
            experiment.algorithm,
            experiment.controller,
            task,
            experiment.seed,
            folder.path,
            num_env_runners(experiment, pool.num_evaluators),
            show,
        )
    chosen = learned.rows[learned.chosen_iteration - 1]
    folder.update(
        noise=folder.record.noise | _standard_errors(experiment, pool),
        learning={
            "iterations": float(len(learned.rows)),
            "chosen_iteration": float(learned.chosen_iteration),
            "reward_val": chosen["reward_val"],
            "selection_val": chosen.get("final_selection_val", chosen["selection_val"]),
        },
        warnings=[*folder.record.warnings, *warn_of_overfitting(learned.rows)],
    )
    return selection


def _set_reward(
    experiment: Experiment,
    pool: EvaluationPool,
    fidelity: Fidelity,
    split: Split,
    enough: float = 0.0,
) -> SetReward:
    reward = experiment.reward
    # One seed for every set of candidates: sets are to be compared, not seeds.
    seed = derive_seed(experiment.seed, "reward")
    repeats = 1 if fidelity == "probe" else reward.repeats
    return SetReward(pool.evaluations, fidelity, reward.metric, seed, split, repeats, enough)


def _look_at_noise(
    experiment: Experiment, problem: SelectionProblem, pool: EvaluationPool, folder: RunFolder
) -> dict[Fidelity, float]:
    """Measure, print and record how much of each fidelity's reward is noise.

    Returns:
        the standard error at which repeats of a fidelity may stop.
    """
    reward = experiment.reward
    enough: dict[Fidelity, float] = {}
    if not reward.noise_floor_seeds:
        return enough
    # A coin for each candidate that a reward covers.
    share = 0.5 if reward.covers == "kept" else 0.5 / problem.num_decisions
    noise: dict[str, float] = {}
    warnings = list(folder.record.warnings)
    for _, fidelity in reward.rungs:
        floor = measure_noise_floor(
            _set_reward(experiment, pool, fidelity, "reward_val"),
            problem.num_candidates,
            share,
            reward.noise_floor_seeds,
            experiment.seed,
        )
        enough[fidelity] = reward.enough * floor.between_sets
        figures = asdict(floor) | {"signal_to_noise": floor.signal_to_noise}
        noise |= {
            f"{fidelity}.{name}": float(value)
            for name, value in figures.items()
            if math.isfinite(value)
        }
        console.print(describe_noise(fidelity, reward.metric, floor), markup=False)
        if floor.is_drowned:
            warnings.append(warn_of_noise(fidelity, reward.metric, floor))
    folder.update(noise=noise, warnings=list(dict.fromkeys(warnings)))
    return enough


def _standard_errors(experiment: Experiment, pool: EvaluationPool) -> dict[str, float]:
    """How far the rewards that were paid for more than once can be off: of each fidelity."""
    figures: dict[str, float] = {}
    for _, fidelity in experiment.reward.rungs if experiment.reward.repeats > 1 else ():
        repeated = pool.repeats(fidelity, experiment.reward.metric)
        errors = [found.standard_error for found in repeated]
        if errors:
            figures[f"{fidelity}.standard_error_median"] = float(np.median(errors))
            figures[f"{fidelity}.standard_error_max"] = max(errors)
            figures[f"{fidelity}.repeats_mean"] = float(np.mean([r.num_seeds for r in repeated]))
    return figures


def num_env_runners(experiment: Experiment, num_evaluators: int) -> int:
    """Twice as many as evaluators, so that none of those waits; a divisor of the episodes."""
    algorithm = experiment.algorithm
    if algorithm.num_env_runners is not None:
        return algorithm.num_env_runners
    wanted = min(2 * num_evaluators, algorithm.episodes, MAX_RUNNERS)
    return next(n for n in range(wanted, 0, -1) if algorithm.episodes % n == 0)
