"""A policy that has collapsed says so; one that learns does not."""

import math
from typing import Any

import numpy as np
import pytest

from rlsel.evaluation.collapse import warn_of_collapse


def rows(positive_advantages: float = 0.5, num: int = 8) -> list[dict[str, Any]]:
    return [{"positive_advantages": positive_advantages}] * num


def healthy(num: int = 101) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, num)


@pytest.mark.parametrize("num", [11, 101, 4_096, 100_000])
def test_a_policy_that_tells_candidates_apart_raises_no_alarm(num: int) -> None:
    assert warn_of_collapse(rows(), healthy(num)) == []


@pytest.mark.parametrize(
    ("probability_N", "alarm"),
    [
        (np.resize([0.4, 0.6], 101), "few distinct keep probabilities (2 for 101 candidates)"),
        (np.linspace(0, 0.009, 101).round(6) + np.resize([0, 0.991], 101), "saturated: 100%"),
        (np.linspace(0.975, 0.985, 101), "keeps everything (98% of the candidates)"),
        (np.linspace(0.015, 0.025, 101), "keeps nothing (2% of the candidates)"),
    ],
    ids=["few values", "saturated", "keeps all", "keeps none"],
)
def test_a_collapsed_policy_raises_its_alarm(probability_N: np.ndarray, alarm: str) -> None:
    warnings = warn_of_collapse(rows(), probability_N)

    assert len(warnings) == 1 or alarm.startswith("keeps")
    assert any(alarm in warning for warning in warnings)


@pytest.mark.parametrize("share", [0.0, 0.99])
def test_advantages_of_one_sign_raise_an_alarm(share: float) -> None:
    (warning,) = warn_of_collapse(rows(share), healthy())

    assert "one-signed advantages" in warning


def test_decisions_that_were_all_paid_the_same_raise_another_alarm() -> None:
    (warning,) = warn_of_collapse(rows(math.nan), healthy())

    assert "no advantages" in warning
    assert warn_of_collapse(rows(math.nan, 1) + rows(0.5, 4), healthy()) == []


def test_only_the_last_iterations_count_for_the_sign_of_advantages() -> None:
    assert warn_of_collapse(rows(1.0, 24) + rows(0.5, 8), healthy()) == []


def test_every_alarm_says_what_to_try() -> None:
    everything = warn_of_collapse(rows(1.0), np.full(101, 0.999))

    assert len(everything) == 4
    assert all(
        any(setting in warning for setting in ("algorithm.", "selection.", "features."))
        for warning in everything
    )
