"""The stage in which the controller learns, between the features and the final scores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs import RewardFn, SelectionProblem
from rlsel.experiment.config import Experiment
from rlsel.machine.progress import progress_bar
from rlsel.rewards import Fidelity, SetReward, Split
from rlsel.rewards.pool import EvaluationPool
from rlsel.selectors import Selection
from rlsel.stages.trust import look_at_noise, look_back, set_reward

if TYPE_CHECKING:
    from rlsel.algorithms.task import Task

Row = dict[str, Any]
"""Figures of one iteration, in the form of `iterations.jsonl`."""
MAX_RUNNERS = 64
"""Most env runners, because each is a process of some 550 MB."""


@dataclass(frozen=True)
class Learning:
    """The learned selection, with figures on learning and on how far to trust it."""

    selection: Selection
    figures: dict[str, float]
    """Number of iterations, the chosen one, and the scores of its selection on both validation
    sets."""
    noise: dict[str, float]
    """Spread of the reward itself, and whether it carried a signal."""
    warnings: list[str]


def learn(
    experiment: Experiment,
    problem: SelectionProblem,
    class_names: tuple[str, ...],
    pool: EvaluationPool,
    within: Path,
    on_iteration: Callable[[Row], object],
) -> Learning | None:
    """Train the controller; None if it is not among the methods.

    Args:
        within: A folder for checkpoints. Learning can take hours, and an interrupted training
            continues from there.
        on_iteration: Called with the figures of every iteration, also of those before a resume.
    """
    if "controller" not in experiment.selection.methods:
        return None
    # Imported here, because RLlib takes seconds that a run without a controller need not spend.
    from rlsel.selectors.controller import learn_selection

    noise = look_at_noise(experiment, problem, pool)

    def by(fidelity: Fidelity, split: Split) -> SetReward:
        return set_reward(experiment, pool, fidelity, split)

    with progress_bar("learning", experiment.algorithm.iterations) as bar:

        def show(row: Row) -> None:
            on_iteration(row | _noise_floor(experiment, noise.figures))
            bar.advance(note=_summary(row, experiment.reward.metric))

        selection, learned = learn_selection(
            experiment.algorithm,
            experiment.controller,
            make_task(experiment, problem, class_names, by),
            experiment.seed,
            within,
            num_env_runners(experiment, pool.num_evaluators),
            show,
        )
    chosen = learned.rows[learned.chosen_iteration - 1]
    hindsight = look_back(learned, experiment, pool)
    return Learning(
        selection,
        {
            "iterations": float(len(learned.rows)),
            "chosen_iteration": float(learned.chosen_iteration),
            "reward_val": chosen["reward_val"],
            "selection_val": chosen.get("final_selection_val", chosen["selection_val"]),
        },
        noise.figures | hindsight.figures,
        [*noise.warnings, *hindsight.warnings],
    )


def _summary(row: Row, metric: str) -> str:
    return (
        f"{metric} reward {row['reward_mean']:.4f}, selection-val {row['selection_val']:.4f}, "
        f"kept {row['keep_fraction']:.0%}, KL {row['kl']:.1e}, "
        f"clipped {row['clip_fraction']:.0%}, {row['evaluations']:.0f} evaluations"
    )


def _noise_floor(experiment: Experiment, known: dict[str, float]) -> dict[str, float]:
    """The noise of the reward, to be written beside the rewards of every iteration."""
    fidelity = experiment.reward.fidelity
    return {
        "noise_floor": known[f"{fidelity}.between_seeds"],
        "spread_between_sets": known[f"{fidelity}.between_sets"],
    }


def make_task(
    experiment: Experiment,
    problem: SelectionProblem,
    class_names: tuple[str, ...],
    by: Callable[[Fidelity, Split], RewardFn],
) -> "Task":
    """The learning task of an experiment; `by` makes the reward of a fidelity on a split."""
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
    """Number of env runners: up to twice that of evaluators, so that no evaluator waits.

    It divides the number of episodes. It is 0 if no evaluator is asked, since rewards are then
    computed in the driver, where a probe costs less than a message.
    """
    algorithm = experiment.algorithm
    if not experiment.reward.needs_evaluators:
        return 0
    if algorithm.num_env_runners is not None:
        return algorithm.num_env_runners
    wanted = min(2 * num_evaluators, algorithm.episodes, MAX_RUNNERS)
    return next(n for n in range(wanted, 0, -1) if algorithm.episodes % n == 0)
