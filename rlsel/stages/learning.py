"""The stage between features and final scores: the controller learns, under a progress bar."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from envs import RewardFn, SelectionProblem
from rlsel.experiment.config import Experiment
from rlsel.machine.progress import progress_bar
from rlsel.rewards import Fidelity, SetReward, Split
from rlsel.rewards.pool import EvaluationPool
from rlsel.runs.folder import RunFolder
from rlsel.runs.tensorboard import TensorBoard
from rlsel.selectors import Selection
from rlsel.stages.trust import look_at_noise, look_back, set_reward

if TYPE_CHECKING:
    from rlsel.algorithms.task import Task

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
    from rlsel.selectors.controller import learn_selection

    reward = experiment.reward
    look_at_noise(experiment, problem, pool, folder)

    def by(fidelity: Fidelity, split: Split) -> SetReward:
        return set_reward(experiment, pool, fidelity, split)

    task = make_task(experiment, problem, class_names, by)
    with (
        progress_bar("learning", experiment.algorithm.iterations) as bar,
        TensorBoard(folder.path) as board,
    ):

        def show(row: dict[str, Any]) -> None:
            folder.update()
            board.show(row | _noise_floor(experiment, folder))
            bar.advance(
                note=f"{reward.metric} reward {row['reward_mean']:.4f}, "
                f"selection-val {row['selection_val']:.4f}, kept {row['keep_fraction']:.0%}, "
                f"KL {row['kl']:.1e}, clipped {row['clip_fraction']:.0%}, "
                f"{row['evaluations']:.0f} evaluations"
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
            "selection_val": chosen.get("final_selection_val", chosen["selection_val"]),
        },
    )
    look_back(learned, experiment, pool, folder)
    return selection


def _noise_floor(experiment: Experiment, folder: RunFolder) -> dict[str, float]:
    """What the noise floor was measured to be."""
    fidelity, known = experiment.reward.fidelity, folder.record.noise
    named = {"noise_floor": "between_seeds", "spread_between_sets": "between_sets"}
    return {
        name: known[f"{fidelity}.{figure}"]
        for name, figure in named.items()
        if f"{fidelity}.{figure}" in known
    }


def make_task(
    experiment: Experiment,
    problem: SelectionProblem,
    class_names: tuple[str, ...],
    by: Callable[[Fidelity, Split], RewardFn],
) -> "Task":
    """What an experiment wants learned; `by` gives the worth of sets by a fidelity on a split."""
    from rlsel.algorithms.task import Task

    reward, final = experiment.reward, experiment.reward.final_fidelity
    return Task(
        problem=problem,
        reward=by(reward.fidelity, "reward_val"),
        judge=by(reward.fidelity, "selection_val"),
        final_judge=by(final, "selection_val") if final else None,
        env_settings={"covers": reward.covers, "alpha": reward.alpha},
        keep_fraction=experiment.selection.keep_fraction,
        keep_ranges=experiment.selection.ranges_of(class_names),
        class_names=class_names,
    )


def num_env_runners(experiment: Experiment, num_evaluators: int) -> int:
    """Twice as many as evaluators, so that none of those waits; a divisor of the episodes.

    None where no evaluator is asked: a message costs more than a probe.
    """
    algorithm = experiment.algorithm
    if not experiment.reward.needs_evaluators:
        return 0
    if algorithm.num_env_runners is not None:
        return algorithm.num_env_runners
    wanted = min(2 * num_evaluators, algorithm.episodes, MAX_RUNNERS)
    return next(n for n in range(wanted, 0, -1) if algorithm.episodes % n == 0)
