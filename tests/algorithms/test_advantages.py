"""Advantages and the clipped objective against loops that cannot be wrong.

RLlib adds an artificial row to every episode; it must not count anywhere.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rlsel.algorithms.learner import centre_advantages, clipped_surrogate

EPISODES, DECISIONS = 7, 5
ROWS = EPISODES * (DECISIONS + 1)
REAL_B = torch.arange(ROWS) % (DECISIONS + 1) < DECISIONS
"""The last row of every episode is artificial; its observation repeats the last decision."""
DECISION_B = (torch.arange(ROWS) % (DECISIONS + 1)).clamp(max=DECISIONS - 1)
DECISION_BD = torch.eye(DECISIONS)[DECISION_B]


def random_rows(seed: int) -> tuple[Tensor, Tensor]:
    """Returns that differ in level from decision to decision, and advantages of a value head.

    On artificial rows stands what would spoil everything.
    """
    generator = torch.Generator().manual_seed(seed)
    returns_B = torch.randn(ROWS, generator=generator) + 10.0 * DECISION_B
    advantages_B = torch.randn(ROWS, generator=generator) * 3 + 1
    returns_B[~REAL_B], advantages_B[~REAL_B] = 1e3, -1e3
    return returns_B, advantages_B


def naive_advantages(returns_B: Tensor, advantages_B: Tensor, baseline: str) -> np.ndarray:
    rows = [row for row in range(ROWS) if REAL_B[row]]
    raw = {row: float(advantages_B[row]) for row in rows}
    if baseline == "decision":
        for row in rows:
            same = [float(returns_B[r]) for r in rows if DECISION_B[r] == DECISION_B[row]]
            raw[row] = float(returns_B[row]) - sum(same) / len(same)
    mean, std = np.mean(list(raw.values())), np.std(list(raw.values()))
    return np.array([(raw[row] - mean) / std if row in raw else 0.0 for row in range(ROWS)])


@pytest.mark.parametrize("baseline", ["decision", "value"])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_advantages_are_those_of_a_naive_loop(baseline, seed: int) -> None:
    returns_B, advantages_B = random_rows(seed)

    centred_B = centre_advantages(returns_B, advantages_B, DECISION_BD, REAL_B, baseline)

    expected_B = naive_advantages(returns_B, advantages_B, baseline)
    assert centred_B.numpy() == pytest.approx(expected_B, abs=1e-3)


@pytest.mark.parametrize("baseline", ["decision", "value"])
def test_real_rows_have_mean_zero_and_variance_one_and_artificial_rows_are_zero(baseline) -> None:
    centred_B = centre_advantages(*random_rows(0), DECISION_BD, REAL_B, baseline)

    assert centred_B[REAL_B].mean() == pytest.approx(0, abs=1e-6)
    assert centred_B[REAL_B].square().mean() == pytest.approx(1, abs=1e-5)
    assert not centred_B[~REAL_B].any()


@pytest.mark.parametrize("baseline", ["decision", "value"])
def test_what_stands_on_artificial_rows_is_ignored(baseline) -> None:
    returns_B, advantages_B = random_rows(0)
    before_B = centre_advantages(returns_B, advantages_B, DECISION_BD, REAL_B, baseline)

    returns_B[~REAL_B], advantages_B[~REAL_B] = -7.0, 7.0

    after_B = centre_advantages(returns_B, advantages_B, DECISION_BD, REAL_B, baseline)
    assert torch.equal(after_B, before_B)


def test_the_decision_baseline_takes_out_the_level_of_every_decision() -> None:
    returns_B, advantages_B = random_rows(0)
    level_D = torch.tensor([5.0, -3.0, 0.0, 100.0, 7.0])

    centred_B = centre_advantages(returns_B, advantages_B, DECISION_BD, REAL_B, "decision")
    lifted_B = centre_advantages(
        returns_B + level_D[DECISION_B], advantages_B, DECISION_BD, REAL_B, "decision"
    )

    torch.testing.assert_close(lifted_B, centred_B, atol=1e-4, rtol=0)
    for decision in range(DECISIONS):
        assert centred_B[REAL_B & (decision == DECISION_B)].mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("baseline", ["decision", "value"])
def test_rewards_without_any_difference_give_advantages_of_zero(baseline) -> None:
    # Rounding differs from decision to decision; it must not be blown up to variance one.
    same_B = torch.tensor([0.7, 0.1, 0.9, 0.3, 0.6])[DECISION_B]
    level_B = torch.full((ROWS,), 0.7)
    returns_B = same_B if baseline == "decision" else level_B

    centred_B = centre_advantages(returns_B, level_B, DECISION_BD, REAL_B, baseline)

    assert centred_B.numpy() == pytest.approx(np.zeros(ROWS), abs=0.02)


def naive_surrogate(
    log_ratio_BX: Tensor, advantage_B: Tensor, counts_BX: Tensor, clip: float
) -> tuple[float, float]:
    gains, clipped = [], 0
    for b, x in np.ndindex(*log_ratio_BX.shape):
        if not counts_BX[b, x]:
            continue
        ratio, advantage = math.exp(log_ratio_BX[b, x]), float(advantage_B[b])
        bounded = min(max(ratio, 1 - clip), 1 + clip)
        gains.append(min(advantage * ratio, advantage * bounded))
        clipped += ratio != bounded
    return sum(gains) / len(gains), clipped / len(gains)


@given(seed=st.integers(0, 2**31), width=st.sampled_from([1, 5]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_clipped_objective_is_that_of_a_naive_loop(seed: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    log_ratio_BX = 0.3 * torch.randn((11, width), generator=generator)
    advantage_B = torch.randn(11, generator=generator)
    counts_BX = (torch.rand((11, width), generator=generator) < 0.7).float()
    counts_BX[0, 0] = 1

    gain, clipped = clipped_surrogate(log_ratio_BX, advantage_B, counts_BX, 0.2)

    expected = naive_surrogate(log_ratio_BX, advantage_B, counts_BX, 0.2)
    assert (gain.item(), clipped.item()) == pytest.approx(expected, abs=1e-6)


def test_before_the_first_update_nothing_is_clipped_and_the_gain_is_the_mean_advantage() -> None:
    advantage_B = torch.tensor([2.0, -1.0, 0.5])

    gain, clipped = clipped_surrogate(torch.zeros((3, 5)), advantage_B, torch.ones((3, 5)), 0.2)

    assert gain.item() == pytest.approx(0.5)
    assert clipped.item() == 0


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"),
    [
        (1.5, 1.0, False),  # gone far enough in the right direction
        (0.5, -1.0, False),
        (1.5, -1.0, True),  # gone wrong: may come back
        (0.5, 1.0, True),
        (1.1, 1.0, True),
    ],
)
def test_a_gradient_flows_unless_the_ratio_has_left_the_clip_range_on_the_good_side(
    ratio: float, advantage: float, moves: bool
) -> None:
    log_ratio_BX = torch.tensor([[ratio]]).log().requires_grad_()

    gain, _ = clipped_surrogate(log_ratio_BX, torch.tensor([advantage]), torch.ones((1, 1)), 0.2)
    gain.backward()

    assert log_ratio_BX.grad is not None
    assert bool(log_ratio_BX.grad.any()) is moves


def test_terms_that_do_not_count_have_no_gradient() -> None:
    log_ratio_BX = torch.zeros((3, 5), requires_grad=True)
    counts_BX = torch.ones((3, 5))
    counts_BX[1, 3:] = 0

    gain, _ = clipped_surrogate(log_ratio_BX, torch.tensor([2.0, -1.0, 0.5]), counts_BX, 0.2)
    gain.backward()

    assert log_ratio_BX.grad is not None
    assert torch.equal(log_ratio_BX.grad != 0, counts_BX == 1)


def test_an_objective_without_any_term_is_zero() -> None:
    gain, clipped = clipped_surrogate(
        torch.ones((3, 5)), torch.ones(3), torch.zeros((3, 5)), clip=0.2
    )

    assert (gain.item(), clipped.item()) == (0, 0)
