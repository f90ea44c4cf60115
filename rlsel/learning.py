"""The stage between features and final scores: the controller learns, under a progress bar."""

from typing import Any

from envs import SelectionProblem
from rlsel.config import Experiment
from rlsel.evaluation.overfitting import warn_of_overfitting
from rlsel.progress import progress_bar
from rlsel.rewards import SetReward
from rlsel.rewards.pool import EvaluationPool
from rlsel.run_folder import RunFolder
from rlsel.seeding import derive_seed
from rlsel.selectors import Selection

MAX_RUNNERS = 64
"""Env runners at most: each is a process of some 250 MB."""


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
    from rlsel.algorithms.train import Task
    from rlsel.selectors.controller import learn_selection

    reward = experiment.reward
    # One seed for every set of candidates: sets are to be compared, not seeds.
    seed = derive_seed(experiment.seed, "reward")
    paid, judge = (
        SetReward(pool.evaluations, reward.fidelity, reward.metric, seed, split)
        for split in ("reward_val", "selection_val")
    )
    task = Task(
        problem=problem,
        reward=paid,
        judge=judge,
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
        learning={
            "iterations": float(len(learned.rows)),
            "chosen_iteration": float(learned.chosen_iteration),
            "reward_val": chosen["reward_val"],
            "selection_val": chosen["selection_val"],
        },
        warnings=[*folder.record.warnings, *warn_of_overfitting(learned.rows)],
    )
    return selection


def num_env_runners(experiment: Experiment, num_evaluators: int) -> int:
    """Twice as many as evaluators, so that none of those waits; a divisor of the episodes."""
    algorithm = experiment.algorithm
    if algorithm.num_env_runners is not None:
        return algorithm.num_env_runners
    wanted = min(2 * num_evaluators, algorithm.episodes, MAX_RUNNERS)
    return next(n for n in range(wanted, 0, -1) if algorithm.episodes % n == 0)
