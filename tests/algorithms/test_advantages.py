"""From rewards to advantages, against loops that cannot be wrong.

RLlib adds an artificial row to every episode; it must not count anywhere.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from torch import Tensor

from rlsel.algorithms.advantages import (
    Taken,
    drop_artificial_rows,
    share_out,
    standardise,
    subtract_baseline,
)
from rlsel.algorithms.config import CreditConfig
from rlsel.algorithms.credit import RidgeCredit

EPISODES, DECISIONS, PLACES = 7, 5, 3
ROWS = EPISODES * DECISIONS
DECISION_B = torch.arange(ROWS) % DECISIONS
DECISION_BD = torch.eye(DECISIONS)[DECISION_B]
any_seed = given(seed=st.integers(0, 2**31))
few = settings(max_examples=20, deadline=None, derandomize=True)


def random_rows(seed: int) -> tuple[Tensor, Tensor]:
    """Returns that differ in level from decision to decision, and values."""
    generator = torch.Generator().manual_seed(seed)
    returns_B = torch.randn(ROWS, generator=generator) + 10.0 * DECISION_B
    return returns_B, 3 * torch.randn(ROWS, generator=generator) + 1


@pytest.mark.parametrize("baseline", ["decision", "value", "none"])
@any_seed
@few
def test_a_baseline_is_that_of_a_naive_loop(baseline: Any, seed: int) -> None:
    returns_B, values_B = random_rows(seed)

    advantage_B = subtract_baseline(returns_B, values_B, DECISION_BD, baseline)

    for row in range(ROWS):
        same = [float(returns_B[r]) for r in range(ROWS) if r % DECISIONS == row % DECISIONS]
        expected = {"decision": np.mean(same), "value": float(values_B[row]), "none": 0.0}
        assert advantage_B[row] == pytest.approx(
            float(returns_B[row]) - expected[baseline], abs=1e-4
        )


def test_the_decision_baseline_takes_out_the_level_of_every_decision() -> None:
    returns_B, values_B = random_rows(0)
    level_D = torch.tensor([5.0, -3.0, 0.0, 100.0, 7.0])

    one_B = subtract_baseline(returns_B, values_B, DECISION_BD, "decision")
    lifted_B = subtract_baseline(returns_B + level_D[DECISION_B], values_B, DECISION_BD, "decision")

    torch.testing.assert_close(lifted_B, one_B, atol=1e-4, rtol=0)
    for decision in range(DECISIONS):
        assert one_B[decision == DECISION_B].mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("width", [1, PLACES])
@any_seed
@few
def test_standard_advantages_are_those_of_a_naive_loop(width: int, seed: int, centre: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    raw_BX = 3 * torch.randn((11, width), generator=generator) + 1
    counts_BX = (torch.rand((11, width), generator=generator) < 0.7).float()
    counts_BX[:2, 0] = 1
    raw_BX[counts_BX == 0] = 1e3

    standard_BX = standardise(raw_BX, counts_BX, torch.tensor(1.0), centre)

    counted = raw_BX[counts_BX == 1].double().numpy()
    mean = counted.mean() if centre else 0.0
    expected = (counted - mean) / np.sqrt(np.mean((counted - mean) ** 2))
    assert standard_BX[counts_BX == 1].numpy() == pytest.approx(expected, abs=1e-4)
    assert not standard_BX[counts_BX == 0].any()


def test_advantages_without_any_difference_stay_near_zero() -> None:
    # Rounding differs from row to row; it must not be blown up to variance one.
    rounding_B1 = 1e-7 * torch.randn((ROWS, 1), generator=torch.Generator().manual_seed(0))

    standard_B1 = standardise(rounding_B1, torch.ones((ROWS, 1)), torch.tensor(0.7), centre=True)

    assert standard_B1.abs().max() < 0.05


def test_advantages_of_nothing_but_padding_are_zero() -> None:
    nothing_BK = standardise(
        torch.ones((3, 5)), torch.zeros((3, 5)), torch.tensor(0.0), centre=False
    )

    assert not nothing_BK.any()


def test_artificial_rows_are_dropped_from_every_column_and_the_others_keep_their_order() -> None:
    real_B = torch.tensor([True, True, False, True, True, False])
    columns = {
        Columns.LOSS_MASK: real_B,
        Columns.ACTIONS: torch.arange(12).view(6, 2),
        Columns.OBS: {"valid": torch.arange(6), "decision": torch.arange(18).view(6, 3)},
    }

    real = drop_artificial_rows(columns)

    assert real[Columns.ACTIONS].tolist() == [[0, 1], [2, 3], [6, 7], [8, 9]]
    assert real[Columns.OBS]["valid"].tolist() == [0, 1, 3, 4]
    assert real[Columns.OBS]["decision"][:, 0].tolist() == [0, 3, 9, 12]
    assert real[Columns.LOSS_MASK].all()


def taken_rows(seed: int, rows: int = 41) -> dict[str, Any]:
    """What a policy of random logits decided on two decisions; the second has a padded place."""
    generator = torch.Generator().manual_seed(seed)
    decision_B = torch.arange(rows) % 2
    candidates_DKF = torch.randn((2, PLACES, 2), generator=generator)
    valid_DK = torch.tensor([[1.0, 1, 1], [1, 0, 1]])
    logits_BK = torch.randn((rows, PLACES), generator=generator)
    logits_BK[valid_DK[decision_B] == 0] = -1e9
    return {
        Columns.OBS: {
            "candidates": candidates_DKF[decision_B],
            "labels": torch.tensor([[0.0, 1, 1], [1, 0, 0]])[decision_B],
            "valid": valid_DK[decision_B],
            "decision": torch.eye(2)[decision_B],
            "kept": torch.randn((rows, 4), generator=generator),
        },
        Columns.ACTIONS: torch.bernoulli(torch.sigmoid(logits_BK), generator=generator).to(
            torch.int8
        ),
        Columns.ACTION_DIST_INPUTS: logits_BK,
        Columns.REWARDS: torch.randn(rows, generator=generator),
        Postprocessing.VALUE_TARGETS: torch.randn(rows, generator=generator),
    }


@pytest.mark.parametrize("name", ["ridge", "factored"])
@any_seed
@few
def test_shared_out_credit_is_that_of_a_naive_loop(name: Any, seed: int) -> None:
    columns, (one, twin) = taken_rows(seed), (RidgeCredit(CreditConfig(name=name)) for _ in "ab")
    advantage_B = torch.randn(41, generator=torch.Generator().manual_seed(seed + 1))

    advantage_BK = share_out(one, columns, advantage_B)

    observation, kept_BK = columns[Columns.OBS], columns[Columns.ACTIONS] == 1
    decision_B = observation["decision"].argmax(1)
    returns_B = columns[Postprocessing.VALUE_TARGETS]
    twin.update(kept_BK, returns_B, decision_B, observation["candidates"])
    worths, p_BK = twin.worths(), torch.sigmoid(columns[Columns.ACTION_DIST_INPUTS])
    for b in range(41):
        worth_K = worths[b % 2].tolist()
        own_K = [
            w * (1 - float(p)) if kept else -w * float(p)
            for w, p, kept in zip(worth_K, p_BK[b], kept_BK[b], strict=True)
        ]
        unexplained = float(advantage_B[b]) - sum(own_K) if name == "factored" else 0.0
        for k in range(PLACES):
            assert advantage_BK[b, k] == pytest.approx(own_K[k] + unexplained, abs=1e-5)


def columns_of_all_masks(p_K: Tensor, reward_M: Tensor, repeats: int) -> dict[str, Any]:
    """As if each mask of three candidates had been taken so many times in one decision."""
    actions_BK = ALL_MASKS_MK.repeat(repeats, 1)
    rows = len(actions_BK)
    return {
        Columns.OBS: {
            "candidates": torch.eye(3).expand(rows, 3, 3),
            "valid": torch.ones((rows, 3)),
            "decision": torch.ones((rows, 1)),
        },
        Columns.ACTIONS: actions_BK,
        Columns.ACTION_DIST_INPUTS: torch.logit(p_K).expand(rows, 3),
        Postprocessing.VALUE_TARGETS: reward_M.repeat(repeats),
    }


ALL_MASKS_MK = torch.tensor(list(itertools.product([0, 1], repeat=3)), dtype=torch.int8)


@pytest.mark.parametrize("name", ["ridge", "factored"])
def test_where_worths_add_up_credit_is_what_an_action_adds_to_the_average(name: Any) -> None:
    # Each mask many times, so that worths are known nearly exactly.
    p_K, worth_K = torch.tensor([0.3, 0.5, 0.9]), torch.tensor([2.0, -1.0, 0.5])
    reward_M = 7.0 + ALL_MASKS_MK.float() @ worth_K
    chance_M = (p_K * ALL_MASKS_MK + (1 - p_K) * (1 - ALL_MASKS_MK)).prod(1)
    average = (chance_M * reward_M).sum()
    columns = columns_of_all_masks(p_K, reward_M, repeats=4001)
    credit = RidgeCredit(CreditConfig(name=name))

    advantage_BK = share_out(credit, columns, columns[Postprocessing.VALUE_TARGETS] - average)

    for m, k in np.ndindex(8, 3):
        like_M = ALL_MASKS_MK[:, k] == ALL_MASKS_MK[m, k]
        given_action = (chance_M * reward_M)[like_M].sum() / chance_M[like_M].sum()
        assert advantage_BK[m, k] == pytest.approx(float(given_action - average), abs=1e-3)


def test_where_worths_do_not_add_up_factored_credit_still_has_the_gradient_of_the_reward() -> None:
    # By coins every mask is as likely as any other, so the mean over all is the expectation.
    reward_M = torch.tensor([0.0, 3.0, -1.0, 8.0, 2.0, -5.0, 4.0, 1.0])
    columns = columns_of_all_masks(torch.full((3,), 0.5), reward_M, repeats=1)
    credit = RidgeCredit(CreditConfig(name="factored"))

    advantage_MK = share_out(credit, columns, reward_M - reward_M.mean())

    score_MK = ALL_MASKS_MK - 0.5
    exact_K = (reward_M[:, None] * score_MK).mean(0)
    torch.testing.assert_close((advantage_MK * score_MK).mean(0), exact_K)
    assert advantage_MK.var() < (reward_M - reward_M.mean()).var()


def test_what_was_taken_is_remembered_as_shares_and_sums_of_the_kept() -> None:
    columns = taken_rows(0)

    taken = Taken.of(columns)

    observation = columns[Columns.OBS]
    for b in range(41):
        real = [k for k in range(PLACES) if observation["valid"][b, k]]
        kept = [k for k in real if columns[Columns.ACTIONS][b, k]]
        of_class = [sum(int(observation["labels"][b, k]) == c for k in kept) for c in (0, 1)]
        summed = [float(observation["candidates"][b, kept, f].sum()) for f in (0, 1)]
        expected = [*of_class, *summed]
        assert taken.kept_sets_BX[b, :4] == pytest.approx(np.array(expected) / len(real), abs=1e-5)
        assert taken.kept_sets_BX[b, 4:] == pytest.approx(observation["kept"][b].numpy())
    assert taken.decision_B.tolist() == [b % 2 for b in range(41)]
    assert taken.reward_B == pytest.approx(columns[Columns.REWARDS].numpy())
