"""How much of a reward is noise: measured at the start of a run, before anything is learned."""

import math
from dataclasses import dataclass

import numpy as np

from rlsel.metrics import Metric
from rlsel.rewards.jobs import Fidelity
from rlsel.rewards.reward import SetReward, repeated_seeds
from rlsel.seeding import rng

SEEDS = 3
"""Seeds of one set, and sets under one seed, where an evaluation is expensive."""
PROBED_SETS = 16
"""Sets under one seed where an evaluation is cheap, as a probe is."""


@dataclass(frozen=True)
class NoiseFloor:
    """Spreads of a reward, as sample standard deviations in units of its metric."""

    between_seeds: float
    """Of one set over seeds of training; 0 for a probe, which is solved exactly."""
    between_sets: float
    """Of random sets under one seed: the signal that a controller can learn, plus noise."""
    num_seeds: int
    num_sets: int

    @property
    def is_drowned(self) -> bool:
        """Whether different sets differ no more than one set does from seed to seed."""
        return self.between_sets <= self.between_seeds

    @property
    def signal_to_noise(self) -> float:
        """Variance between sets less that of the noise, over that of the noise; at least 0."""
        if self.between_seeds == 0:
            return math.inf
        return max(0.0, (self.between_sets / self.between_seeds) ** 2 - 1)


def measure_noise_floor(
    reward: SetReward, num_candidates: int, share: float, seed: int, num_seeds: int = SEEDS
) -> NoiseFloor:
    """Evaluate one random set under several seeds, and several sets under one seed.

    Args:
        reward: The reward to measure; its repeats are ignored.
        share: Probability that a set holds a candidate, so that sets are as large as in learning.
        seed: Seed of the random sets.
        num_seeds: Seeds, and sets, 2 or more. The evaluations are in the ledger like all others.
    """
    is_probe = reward.fidelity == "probe"
    num_sets = PROBED_SETS if is_probe else num_seeds
    draw = rng(seed, "noise floor")
    sets = [draw.random(num_candidates) < share for _ in range(num_sets)]
    seeds = repeated_seeds(reward.seed, 1 if is_probe else num_seeds)
    jobs = [reward.job(kept_N, reward.seed) for kept_N in sets]
    jobs += [reward.job(sets[0], other) for other in seeds[1:]]
    values = [found.best(reward.metric) for found in reward.evaluations.many(jobs)]
    of_sets, of_seeds = values[:num_sets], [values[0], *values[num_sets:]]
    return NoiseFloor(
        between_seeds=0.0 if is_probe else float(np.std(of_seeds, ddof=1)),
        between_sets=float(np.std(of_sets, ddof=1)),
        num_seeds=0 if is_probe else num_seeds,
        num_sets=num_sets,
    )


def describe_noise(fidelity: Fidelity, metric: Metric, floor: NoiseFloor) -> str:
    """One line for the terminal."""
    sets = f"{floor.num_sets} random sets differ by ± {floor.between_sets:.4f}"
    if floor.num_seeds == 0:
        return f"reward noise: a probe has none over seeds; the {metric} of {sets}"
    return (
        f"reward noise of {fidelity}: {metric} of one set ± {floor.between_seeds:.4f} over "
        f"{floor.num_seeds} seeds; under one seed {sets}"
    )


def warn_of_noise(fidelity: Fidelity, metric: Metric, floor: NoiseFloor) -> str:
    """The warning that a reward cannot tell sets apart, with what to do."""
    return (
        f"{fidelity} rewards are drowned in noise: the {metric} of random sets differs by "
        f"± {floor.between_sets:.4f}, that of one set over {floor.num_seeds} seeds by "
        f"± {floor.between_seeds:.4f}; raise reward.repeats, or take another metric or fidelity"
    )
