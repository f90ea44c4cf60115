"""The alarm sounds when what the reward sees leaves behind what it does not see."""

import numpy as np
import pytest

from rlsel.evaluation.overfitting import MIN_ITERATIONS, warn_of_overfitting


def rows(reward_val: np.ndarray, selection_val: np.ndarray) -> list[dict[str, float]]:
    return [
        {"reward_val": r, "selection_val": s}
        for r, s in zip(reward_val, selection_val, strict=True)
    ]


def noise(num: int, seed: int = 0) -> np.ndarray:
    return 0.002 * np.random.default_rng(seed).standard_normal(num)


def test_the_alarm_sounds_when_reward_val_runs_away_and_says_by_how_much() -> None:
    rising = np.linspace(0.7, 0.8, 16)

    (warning,) = warn_of_overfitting(rows(rising + noise(16), np.full(16, 0.7)))

    # Means of the first and last four of 16 lie 12 steps of 0.1 / 15 apart.
    gained = float(warning.split("gained ")[1].split(" ")[0])
    assert gained == pytest.approx(0.08, abs=0.004)


def test_the_alarm_stays_silent_while_both_rise_together() -> None:
    rising = np.linspace(0.7, 0.8, 16)

    assert warn_of_overfitting(rows(rising + noise(16), rising + noise(16, 1))) == []


def test_a_gap_that_was_there_from_the_start_is_no_alarm() -> None:
    assert warn_of_overfitting(rows(0.8 + noise(16), 0.7 + noise(16, 1))) == []


def test_the_alarm_stays_silent_when_selection_val_gains_more() -> None:
    assert warn_of_overfitting(rows(np.full(16, 0.7), np.linspace(0.7, 0.8, 16))) == []


def test_a_drift_below_a_hundredth_is_no_alarm_however_steady() -> None:
    steps = np.linspace(0.0, 0.0125, 16)  # 0.01 between the means of the ends

    assert warn_of_overfitting(rows(0.7 + 0.99 * steps, np.full(16, 0.7))) == []
    assert warn_of_overfitting(rows(0.7 + 1.05 * steps, np.full(16, 0.7))) != []


def test_a_drift_within_the_noise_is_no_alarm() -> None:
    swinging = np.where(np.arange(16) % 2, 0.1, -0.1)
    drift = np.linspace(0.0, 0.05, 16)

    assert warn_of_overfitting(rows(0.7 + swinging + drift, np.full(16, 0.7))) == []


def test_a_run_too_short_to_compare_its_ends_is_no_alarm() -> None:
    num = MIN_ITERATIONS - 1

    assert warn_of_overfitting(rows(np.linspace(0.5, 0.9, num), np.full(num, 0.5))) == []
    assert warn_of_overfitting(rows(np.linspace(0.5, 0.9, num + 1), np.full(num + 1, 0.5))) != []
