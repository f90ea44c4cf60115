"""Closeness is a rank test within classes."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from rlsel.quality.closeness import compare_closeness

RNG = np.random.default_rng(0)


def test_closeness_within_one_class_is_the_mann_whitney_test_of_scipy() -> None:
    mine, others = RNG.integers(0, 9, 31).astype(float), RNG.integers(2, 11, 23).astype(float)

    found = compare_closeness(mine, np.zeros(31, int), others, np.zeros(23, int))

    expected = mannwhitneyu(
        mine, others, alternative="less", method="asymptotic", use_continuity=False
    )
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.chance_closer == pytest.approx(1 - expected.statistic / (31 * 23))


def test_closeness_over_classes_weighs_them_as_van_elteren() -> None:
    labels_N, labels_H = np.repeat([0, 1, 2], [5, 31, 7]), np.repeat([0, 1, 3], [19, 11, 13])
    mine, others = RNG.random(43), RNG.random(43) + 0.2 * labels_H

    found = compare_closeness(mine, labels_N, others, labels_H)

    counts = [(5, 19), (31, 11)]
    wins = [(mine[labels_N == c, None] < others[labels_H == c]).sum() for c in (0, 1)]
    weights = [1 / (n + m + 1) for n, m in counts]
    pairs = sum(w * n * m for w, (n, m) in zip(weights, counts, strict=True))
    chance = sum(w * win for w, win in zip(weights, wins, strict=True)) / pairs
    assert found.chance_closer == pytest.approx(chance)
    std = np.sqrt(sum(w * n * m for w, (n, m) in zip(weights, counts, strict=True)) / 12)
    assert found.p_value == pytest.approx(norm.sf((chance - 0.5) * pairs / std))


def test_another_mix_of_classes_is_not_closeness() -> None:
    """Class 1 is farther from train throughout, and the two sets hold different shares of it."""
    labels_N, labels_H = np.arange(400) % 4 // 3, 1 - np.arange(400) % 4 // 3
    distances_N, distances_H = (10 * labels + RNG.random(400) for labels in (labels_N, labels_H))

    found = compare_closeness(distances_N, labels_N, distances_H, labels_H)

    assert found.chance_closer == pytest.approx(0.5, abs=0.08)
    assert found.p_value > 0.01


def test_closer_the_one_way_is_farther_the_other_way() -> None:
    labels_N, labels_H = np.arange(31) % 3, np.arange(23) % 3
    distances_N, distances_H = RNG.random(31), RNG.random(23) + 0.3

    there = compare_closeness(distances_N, labels_N, distances_H, labels_H)
    back = compare_closeness(distances_H, labels_H, distances_N, labels_N)

    assert there.chance_closer > 0.5
    assert there.chance_closer + back.chance_closer == pytest.approx(1)
    assert there.p_value + back.p_value == pytest.approx(1)


def test_sets_without_a_common_class_cannot_be_compared() -> None:
    found = compare_closeness(np.ones(2), np.zeros(2, int), np.ones(3), np.ones(3, int))

    assert np.isnan([found.chance_closer, found.p_value]).all()


def test_distances_that_are_all_alike_are_no_closeness() -> None:
    found = compare_closeness(np.ones(2), np.zeros(2, int), np.ones(3), np.zeros(3, int))

    assert (found.chance_closer, found.p_value) == (0.5, 0.5)
