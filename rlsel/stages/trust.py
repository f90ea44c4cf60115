"""Checks on the reward and the policy of a run that tell how far its numbers can be trusted.

The checks: how much of the reward is noise, whether it carries a signal, and whether the policy has
collapsed or overfits the validation images. Out: figures for the record, printed lines, warnings.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from envs import SelectionProblem
from rlsel.evaluation.collapse import warn_of_collapse
from rlsel.evaluation.overfitting import warn_of_overfitting
from rlsel.evaluation.signal import describe_signal, signal_in, warn_of_no_signal
from rlsel.experiment.config import Experiment
from rlsel.machine.progress import console
from rlsel.rewards import Fidelity, SetReward, Split
from rlsel.rewards.noise import describe_noise, measure_noise_floor, warn_of_noise
from rlsel.rewards.pool import EvaluationPool
from rlsel.seeding import derive_seed

if TYPE_CHECKING:
    from rlsel.algorithms.train import Learned


@dataclass(frozen=True)
class Noise:
    """How much of a reward is noise, measured before anything is learned."""

    figures: dict[str, float]
    """`fidelity.figure` -> value, in the form of the record."""
    warnings: list[str]


@dataclass(frozen=True)
class Hindsight:
    """Figures and warnings on the rewards and the policy after learning."""

    figures: dict[str, float]
    warnings: list[str]


def set_reward(
    experiment: Experiment, pool: EvaluationPool, fidelity: Fidelity, split: Split
) -> SetReward:
    """The function that gives the score of sets by one fidelity on one split."""
    reward = experiment.reward
    # All sets of candidates share one seed, so that sets are compared and not seeds.
    seed = derive_seed(experiment.seed, "reward")
    repeats = 1 if fidelity == "probe" else reward.repeats
    # A probe costs less than a message to an evaluator, so it runs in this process. Env runners
    # have no choice: they can only ask the evaluators.
    is_cheap = fidelity == "probe" and not reward.needs_evaluators
    evaluations = pool.here if is_cheap else pool.evaluations
    return SetReward(evaluations, fidelity, reward.metric, seed, split, repeats)


def look_at_noise(experiment: Experiment, problem: SelectionProblem, pool: EvaluationPool) -> Noise:
    """Measure and print how much of the reward is noise."""
    reward = experiment.reward
    # The random sets keep each covered candidate with chance 1/2. A gain is the difference of two
    # such sets, and the noise measured here is that of one of them.
    of_shard = 0.5 / problem.num_shards
    share = of_shard if reward.covers in ("kept", "gain") else of_shard / problem.num_decisions
    floor = measure_noise_floor(
        set_reward(experiment, pool, reward.fidelity, "reward_val"),
        problem.num_candidates,
        share,
        experiment.seed,
    )
    console.print(describe_noise(reward.fidelity, reward.metric, floor), markup=False)
    figures = asdict(floor) | {"signal_to_noise": floor.signal_to_noise}
    return Noise(
        {
            f"{reward.fidelity}.{name}": float(value)
            for name, value in figures.items()
            if math.isfinite(value)
        },
        [warn_of_noise(reward.fidelity, reward.metric, floor)] if floor.is_drowned else [],
    )


def _standard_errors(experiment: Experiment, pool: EvaluationPool) -> dict[str, float]:
    """Standard errors of the rewards that were evaluated several times."""
    reward = experiment.reward
    if reward.repeats == 1:
        return {}
    errors = [found.standard_error for found in pool.repeats(reward.fidelity, reward.metric)]
    if not errors:
        return {}
    return {
        f"{reward.fidelity}.standard_error_median": float(np.median(errors)),
        f"{reward.fidelity}.standard_error_max": max(errors),
    }


def look_back(learned: "Learned", experiment: Experiment, pool: EvaluationPool) -> Hindsight:
    """Whether the reward carried a signal, and whether the policy collapsed or overfits."""
    figures, warnings = _standard_errors(experiment, pool), []
    signal = signal_in(learned.taken)
    if signal:
        figures |= {"signal.correlation": signal.correlation, "signal.p_value": signal.p_value}
        console.print(describe_signal(signal), markup=False)
        warnings += [] if signal.is_there else [warn_of_no_signal(signal)]
    warnings += warn_of_overfitting(learned.rows)
    warnings += warn_of_collapse(learned.rows, learned.last_probability_M)
    return Hindsight(figures, warnings)
