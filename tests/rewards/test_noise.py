"""The noise floor: spreads that are known come out as they are."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from rlsel.rewards import Evaluation, Fidelity, Job, SetReward
from rlsel.rewards.noise import describe_noise, measure_noise_floor, warn_of_noise
from rlsel.seeding import rng

NUM_CANDIDATES = 40


class Simulated:
    """Sets are worth what their first ten candidates add; each seed adds noise of its own."""

    def __init__(self, signal: float, noise: float) -> None:
        self.signal, self.noise = signal, noise

    def one(self, job: Job) -> Evaluation:
        worth = self.signal * float(job.kept_N[:10].mean())
        if job.fidelity != "probe":
            worth += self.noise * float(rng(job.seed, str(job.kept_N)).standard_normal())
        return Evaluation({"auc": [worth]}, 1, 0.0)

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        return map(self.one, jobs)


def floor_of(signal: float, noise: float, fidelity: Fidelity = "full", num_seeds: int = 200):
    reward = SetReward(Simulated(signal, noise), fidelity, "auc", seed=3, repeats=2)
    return measure_noise_floor(reward, NUM_CANDIDATES, 0.5, 0, num_seeds)


def test_both_spreads_are_found() -> None:
    floor = floor_of(signal=1.0, noise=0.05)

    # A mean of ten coins has a standard deviation of the root of 1/40.
    assert floor.between_seeds == pytest.approx(0.05, rel=0.15)
    assert floor.between_sets == pytest.approx(np.sqrt(1 / 40 + 0.05**2), rel=0.15)
    assert floor.signal_to_noise == pytest.approx(1 / 40 / 0.05**2, rel=0.4)
    assert not floor.is_drowned
    assert (floor.num_seeds, floor.num_sets) == (200, 200)


def test_a_reward_without_signal_is_drowned() -> None:
    floors = [floor_of(signal=0.0, noise=0.05, num_seeds=3) for _ in range(1)]
    floors += [floor_of(signal=0.001, noise=1.0, num_seeds=n) for n in (5, 9, 50)]

    assert any(floor.is_drowned for floor in floors)
    drowned = next(floor for floor in floors if floor.is_drowned)
    assert drowned.signal_to_noise == 0
    assert "drowned in noise" in warn_of_noise("full", "auc", drowned)


def test_a_probe_has_no_noise_over_seeds() -> None:
    floor = floor_of(signal=1.0, noise=5.0, fidelity="probe", num_seeds=3)

    assert floor.between_seeds == 0
    assert floor.num_sets == 16
    assert np.isinf(floor.signal_to_noise)
    assert "a probe has none over seeds" in describe_noise("probe", "auc", floor)


def test_both_spreads_are_said() -> None:
    said = describe_noise("full", "auc", floor_of(signal=1.0, noise=0.05))

    assert said.startswith("reward noise of full: auc of one set ± 0.0")
    assert "200 random sets differ by ± 0.1" in said
