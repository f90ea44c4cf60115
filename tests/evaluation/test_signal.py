"""Whether a reward depends on what is kept can be told from the rewards that were paid."""

import numpy as np
import pytest
from scipy.signal import lfilter

from rlsel.evaluation.signal import describe_signal, find_signal, warn_of_no_signal

ITERATIONS, EPISODES, DECISIONS, WIDTH = 7, 11, 5, 3


def decisions(seed: int, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What was kept, what was paid, in which decision and iteration; of decision, iteration and
    kept sets the first two always move the reward, the last by `strength` times the noise."""
    rng = np.random.default_rng(seed)
    iteration_R, decision_R, _ = (
        index.ravel() for index in np.indices((ITERATIONS, DECISIONS, EPISODES))
    )
    kept_sets_RX = rng.standard_normal((len(iteration_R), WIDTH)) + 0.3 * iteration_R[:, None]
    noise_R = rng.standard_normal(len(iteration_R))
    reward_R = strength * kept_sets_RX[:, 1] + noise_R + 5.0 * decision_R + 2.0 * iteration_R
    return kept_sets_RX, reward_R, decision_R, iteration_R


@pytest.mark.parametrize("seed", range(3))
def test_a_reward_that_depends_on_the_kept_set_has_a_signal(seed: int) -> None:
    signal = find_signal(*decisions(seed, strength=0.5))

    assert signal is not None
    assert signal.is_there
    assert 0.2 < signal.correlation < 0.6  # 0.5 / sqrt(1 + 0.25) is 0.45
    assert signal.num_rewards == ITERATIONS * EPISODES * DECISIONS
    assert "depends on what is kept" in describe_signal(signal)


def test_a_reward_of_noise_alone_is_rarely_taken_for_a_signal() -> None:
    found = [find_signal(*decisions(seed, strength=0.0)) for seed in range(40)]

    # At p < .01 two or more false alarms in 40 have a chance of 6%; out of sample it is less.
    assert sum(signal is not None and signal.is_there for signal in found) <= 1
    assert all("no signal" in describe_signal(s) for s in found if s and not s.is_there)


def test_smoothed_noise_is_rarely_taken_for_a_signal() -> None:
    """Each reward lives on in the next ones, and what is kept grows over an episode."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shape = (ITERATIONS, EPISODES, DECISIONS)
        iteration_R, _, decision_R = (index.ravel() for index in np.indices(shape))
        kept_sets_RX = rng.random((*shape, WIDTH)).cumsum(axis=2).reshape(-1, WIDTH)
        noise_R = lfilter([0.2], [1.0, -0.8], rng.standard_normal(len(iteration_R)))
        found.append(find_signal(kept_sets_RX, noise_R, decision_R, iteration_R))

    assert sum(signal is not None and signal.is_there for signal in found) <= 1


def test_the_warning_names_the_figures_and_what_to_try() -> None:
    signal = find_signal(*decisions(0, strength=0.0))

    assert signal is not None
    warning = warn_of_no_signal(signal)
    assert "this reward carries no signal" in warning
    assert "n = 385" in warning
    assert "reward.metric" in warning


def test_nothing_is_said_of_few_iterations_or_of_equal_rewards() -> None:
    kept_sets_RX, reward_R, decision_R, iteration_R = decisions(0, strength=0.5)

    assert find_signal(kept_sets_RX, reward_R, decision_R, iteration_R % 3) is None
    assert find_signal(kept_sets_RX, np.ones_like(reward_R), decision_R, iteration_R) is None
