"""PPO's clipped objective and REINFORCE's, against loops that cannot be wrong.

Shape letters: B rows, X terms of a row.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rlsel.algorithms.learner import clipped_surrogate, score_function

few = settings(max_examples=20, deadline=None, derandomize=True)


def random_terms(seed: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-ratios, advantages and what counts; rubbish where nothing counts."""
    generator = torch.Generator().manual_seed(seed)
    log_ratio_BX = 0.3 * torch.randn((11, width), generator=generator)
    advantage_BX = torch.randn((11, width), generator=generator)
    counts_BX = (torch.rand((11, width), generator=generator) < 0.7).float()
    counts_BX[0, 0] = 1
    return log_ratio_BX, advantage_BX.masked_fill(counts_BX == 0, 1e3), counts_BX


@given(seed=st.integers(0, 2**31), width=st.sampled_from([1, 5]))
@few
def test_the_clipped_objective_is_that_of_a_naive_loop(seed: int, width: int) -> None:
    log_ratio_BX, advantage_BX, counts_BX = random_terms(seed, width)

    gain, clipped = clipped_surrogate(log_ratio_BX, advantage_BX, counts_BX, 0.2)

    gains, outside = [], 0
    for b, x in np.ndindex(11, width):
        if counts_BX[b, x]:
            ratio, advantage = math.exp(log_ratio_BX[b, x]), float(advantage_BX[b, x])
            bounded = min(max(ratio, 0.8), 1.2)
            gains.append(min(advantage * ratio, advantage * bounded))
            outside += ratio != bounded
    expected = (sum(gains) / len(gains), outside / len(gains))
    assert (gain.item(), clipped.item()) == pytest.approx(expected, abs=1e-6)


@given(seed=st.integers(0, 2**31), width=st.sampled_from([1, 5]))
@few
def test_the_score_function_is_that_of_a_naive_loop(seed: int, width: int) -> None:
    log_probability_BX, advantage_BX, counts_BX = random_terms(seed, width)

    gain = score_function(log_probability_BX, advantage_BX, counts_BX)

    terms = [
        float(advantage_BX[b, x] * log_probability_BX[b, x])
        for b, x in np.ndindex(11, width)
        if counts_BX[b, x]
    ]
    assert gain.item() == pytest.approx(np.mean(terms), abs=1e-6)


@given(seed=st.integers(0, 2**31))
@few
def test_where_old_and_new_policy_are_one_both_objectives_have_the_same_gradient(
    seed: int,
) -> None:
    log_probability_BX, advantage_BX, counts_BX = random_terms(seed, 5)
    log_probability_BX.requires_grad_()
    log_ratio_BX = log_probability_BX - log_probability_BX.detach()

    gain, _ = clipped_surrogate(log_ratio_BX, advantage_BX, counts_BX, 0.2)
    [of_ppo] = torch.autograd.grad(gain, log_probability_BX)
    (of_reinforce,) = torch.autograd.grad(
        score_function(log_probability_BX, advantage_BX, counts_BX), log_probability_BX
    )

    torch.testing.assert_close(of_ppo, of_reinforce)


def test_before_the_first_update_nothing_is_clipped_and_the_gain_is_the_mean_advantage() -> None:
    advantage_BX = torch.tensor([[2.0], [-1.0], [0.5]]).expand(3, 5)

    gain, clipped = clipped_surrogate(torch.zeros((3, 5)), advantage_BX, torch.ones((3, 5)), 0.2)

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

    gain, _ = clipped_surrogate(log_ratio_BX, torch.tensor([[advantage]]), torch.ones((1, 1)), 0.2)
    gain.backward()

    assert log_ratio_BX.grad is not None
    assert bool(log_ratio_BX.grad.any()) is moves


def test_terms_that_do_not_count_have_no_gradient() -> None:
    log_ratio_BX, advantage_BX, counts_BX = random_terms(0, 5)
    log_ratio_BX = (0.1 * log_ratio_BX).requires_grad_()

    gain, _ = clipped_surrogate(log_ratio_BX, advantage_BX, counts_BX, 0.2)
    gain.backward()

    assert log_ratio_BX.grad is not None
    assert torch.equal(log_ratio_BX.grad != 0, counts_BX == 1)


def test_an_objective_without_any_term_is_zero() -> None:
    nothing_BX = torch.zeros((3, 5))

    gain, clipped = clipped_surrogate(torch.ones((3, 5)), torch.ones((3, 5)), nothing_BX, clip=0.2)

    assert (gain.item(), clipped.item()) == (0, 0)
    assert score_function(torch.ones((3, 5)), torch.ones((3, 5)), nothing_BX).item() == 0
