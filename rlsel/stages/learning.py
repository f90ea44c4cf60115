"""The stage between features and final scores: the controller learns, under a progress bar."""

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
"""Figures of one iteration, as `iterations.jsonl` has them."""
MAX_RUNNERS = 64
"""Env runners at most: each is a process of some 550 MB."""


@dataclass(frozen=True)
class Learning:
    """What was learned, and how far it can be trusted."""

    selection: Selection
    figures: dict[str, float]
    """Iterations, the chosen one, and what its selection scored on both validation sets."""
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
    """Train the controller; None if it does not compete.

    Args:
        within: A folder for checkpoints, since this takes hours; a training that was interrupted
            goes on from there.
        on_iteration: Called with the figures of every iteration, those made before included.
    """
    if "controller" not in experiment.selection.methods:
        return None
    # Only now: importing RLlib takes seconds, which a run without a controller need not pay.
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
    """What stands beside the rewards of every iteration: how much of them is noise."""
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
