"""Credit against one dense Gaussian posterior over all candidates at once.

Shape letters: B decisions taken, N candidates of all decisions, F descriptors.
"""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import phantom_problem
from rlsel.algorithms.config import CreditConfig
from rlsel.algorithms.credit import RidgeCredit

PLACES, DECISIONS, F = 5, 3, 2
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Who was kept (B, PLACES), rewards, and which decision it was."""
rng = np.random.default_rng(7)
CANDIDATES_DKF = rng.standard_normal((DECISIONS, PLACES, F))


def credit(**changed: Any) -> RidgeCredit:
    return RidgeCredit(CreditConfig(name="ridge", **changed))


def random_rows(seed: int, rows: int = 23, keep: float = 0.5) -> Rows:
    """Rewards that are noise about levels of their own for each decision."""
    random = np.random.default_rng(seed)
    decision_B = np.arange(rows) % DECISIONS
    reward_B = random.standard_normal(rows) + 10.0 * decision_B
    return random.random((rows, PLACES)) < keep, reward_B, decision_B


def update(one: RidgeCredit, rows: Rows, candidates_DKF: np.ndarray = CANDIDATES_DKF) -> None:
    kept_BK, reward_B, decision_B = rows
    candidates_BKF = torch.tensor(candidates_DKF[decision_B], dtype=torch.float64)
    one.update(
        torch.tensor(kept_BK), torch.tensor(reward_B), torch.tensor(decision_B), candidates_BKF
    )


def worths(one: RidgeCredit) -> np.ndarray:
    """One after the other, (N,)."""
    return np.concatenate([one.worths()[decision].numpy() for decision in range(DECISIONS)])


def dense_worths(iterations: list[Rows], memory: float, own: float) -> np.ndarray:
    """The posterior mean of all worths; rows of older iterations weigh less, as if repeated less.

    Worths have the prior covariance X X^T / F + own I. The level of a decision in an iteration is
    unknown.
    """
    iteration_B = np.concatenate([np.full(len(rows[1]), i) for i, rows in enumerate(iterations)])
    weight_B = np.concatenate(
        [np.full(len(rows[1]), memory**age) for age, rows in enumerate(reversed(iterations))][::-1]
    )
    kept_BK, reward_B, decision_B = (
        np.concatenate(parts) for parts in zip(*iterations, strict=True)
    )
    shown_BN = np.zeros((len(reward_B), DECISIONS * PLACES))
    for b, decision in enumerate(decision_B):
        shown_BN[b, decision * PLACES : (decision + 1) * PLACES] = kept_BK[b]
    x_NF = CANDIDATES_DKF.reshape(-1, F)
    prior_NN = x_NF @ x_NF.T / F + own * np.eye(len(x_NF))
    for decision, iteration in np.ndindex(DECISIONS, len(iterations)):
        rows = (decision_B == decision) & (iteration_B == iteration)
        shown_BN[rows] -= shown_BN[rows].mean(0)
        reward_B[rows] -= reward_B[rows].mean()
    gram_NN = shown_BN.T @ (weight_B[:, None] * shown_BN)
    # Noise is as large as what the candidates explain of a reward, on average over rewards.
    variance = np.trace(prior_NN @ gram_NN) / weight_B.sum()
    noise_BB = np.diag(variance / weight_B)
    return (
        prior_NN
        @ shown_BN.T
        @ np.linalg.solve(shown_BN @ prior_NN @ shown_BN.T + noise_BB, reward_B)
    )


@given(
    seed=st.integers(0, 2**31),
    num_iterations=st.integers(1, 4),
    memory=st.sampled_from([0.3, 0.9, 1.0]),
    own=st.sampled_from([0.01, 0.2, 5.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_worths_are_the_mean_of_the_posterior(
    seed: int, num_iterations: int, memory: float, own: float
) -> None:
    iterations = [random_rows(seed + i) for i in range(num_iterations)]
    one = credit(memory=memory, own=own)

    for rows in iterations:
        update(one, rows)

    expected_N = dense_worths(iterations, memory, own)
    assert worths(one) == pytest.approx(expected_N, abs=1e-7 + 1e-6 * np.abs(expected_N).max())


def test_without_a_part_of_their_own_worths_are_linear_in_the_descriptors() -> None:
    one = credit(own=0.0)

    update(one, random_rows(0))

    x_NF, worth_N = CANDIDATES_DKF.reshape(-1, F), worths(one)
    slope_F, *_ = np.linalg.lstsq(x_NF, worth_N, rcond=None)
    assert np.abs(worth_N).max() > 0.01
    assert worth_N == pytest.approx(x_NF @ slope_F, abs=1e-6)


@pytest.mark.parametrize(("own", "differ"), [(0.0, False), (0.2, True)])
def test_only_with_a_part_of_their_own_do_candidates_that_look_alike_differ(
    own: float, differ: bool
) -> None:
    alike_DKF = CANDIDATES_DKF.copy()
    alike_DKF[1, 3] = alike_DKF[0, 2]
    one = credit(own=own)

    update(one, random_rows(0), alike_DKF)

    first, second = one.worths()[0][2], one.worths()[1][3]
    assert (float((first - second).abs()) > 1e-3) is differ


def test_additive_worths_are_found_better_and_better() -> None:
    problem, worth = phantom_problem(np.random.default_rng(0), 23, DECISIONS)
    random = np.random.default_rng(1)
    places_DK = problem.batches_DK
    candidates_DKF = problem.descriptors_NF[places_DK].astype(np.float64)
    one = credit()
    correlations = []
    for _ in range(3):
        kept_BK = (random.random((60, places_DK.shape[1])) < 0.5) & (
            places_DK[np.arange(60) % DECISIONS] >= 0
        )
        decision_B = np.arange(60) % DECISIONS
        worth_BK = worth.worth_N[places_DK[decision_B]]
        noise_B = 0.02 * random.standard_normal(60)
        update(one, (kept_BK, (worth_BK * kept_BK).sum(1) + noise_B, decision_B), candidates_DKF)
        found = [one.worths()[d][places_DK[d] >= 0].numpy() for d in range(DECISIONS)]
        true = [worth.worth_N[places_K[places_K >= 0]] for places_K in places_DK]
        correlations.append(np.corrcoef(np.concatenate(found), np.concatenate(true))[0, 1])

    assert correlations == sorted(correlations)
    assert correlations[-1] > 0.97


def test_padding_is_worth_nothing_that_was_ever_seen() -> None:
    kept_BK, reward_B, decision_B = random_rows(0)
    padded_DKF = CANDIDATES_DKF.copy()
    padded_DKF[:, 4] = 0.0
    kept_BK[:, 4] = False
    one = credit()

    update(one, (kept_BK, reward_B, decision_B), padded_DKF)

    assert all(worth_K[4] == pytest.approx(0, abs=1e-12) for worth_K in one.worths().values())


def test_a_level_of_a_decision_and_iteration_changes_no_worth() -> None:
    one, lifted = credit(), credit()

    for seed, level_D in enumerate(([5.0, -3.0, 100.0], [0.0, 50.0, -20.0])):
        kept_BK, reward_B, decision_B = random_rows(seed)
        update(one, (kept_BK, reward_B, decision_B))
        update(lifted, (kept_BK, reward_B + np.array(level_D)[decision_B], decision_B))

    assert worths(lifted) == pytest.approx(worths(one), abs=1e-9)


def test_a_level_that_falls_while_the_policy_learns_changes_no_worth() -> None:
    # Good ones are kept ever more often, and from the fifth iteration on every reward is lower.
    random = np.random.default_rng(3)
    worth_K = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    one = credit()
    for iteration in range(8):
        keep_K = 0.5 + 0.05 * iteration * (2 * worth_K - 1)
        kept_BK = random.random((48, PLACES)) < keep_K
        reward_B = kept_BK @ worth_K - 10.0 * (iteration >= 4) + 0.1 * random.standard_normal(48)
        update(one, (kept_BK, reward_B, np.zeros(48, dtype=np.int64)))

    found_K = one.worths()[0].numpy()
    assert found_K[:2].min() > 0.5
    assert np.abs(found_K[2:]).max() < 0.3


def test_worths_have_the_unit_of_the_reward() -> None:
    kept_BK, reward_B, decision_B = random_rows(0)
    one, larger = credit(), credit()

    update(one, (kept_BK, reward_B, decision_B))
    update(larger, (kept_BK, 1000 * reward_B, decision_B))

    assert worths(larger) == pytest.approx(1000 * worths(one), rel=1e-9)


@pytest.mark.parametrize("keep", [0.0, 1.0])
def test_where_all_did_the_same_nobody_has_credit(keep: float) -> None:
    one = credit()

    update(one, random_rows(0, keep=keep))

    # Of rewards of up to 20.
    assert worths(one) == pytest.approx(np.zeros(DECISIONS * PLACES), abs=1e-4)


def test_without_memory_the_last_iteration_alone_counts() -> None:
    one, fresh = credit(memory=0.0), credit(memory=0.0)

    update(one, random_rows(0))
    update(one, random_rows(1))
    update(fresh, random_rows(1))

    assert np.array_equal(worths(one), worths(fresh))


def test_with_all_memory_it_does_not_matter_which_iteration_came_first() -> None:
    one, other = credit(memory=1.0), credit(memory=1.0)

    for seed in (0, 1):
        update(one, random_rows(seed))
    for seed in (1, 0):
        update(other, random_rows(seed))

    assert worths(one) == pytest.approx(worths(other), abs=1e-9)


def test_a_state_that_was_put_back_goes_on_as_if_nothing_had_happened() -> None:
    one, restored = credit(memory=0.9), credit(memory=0.9)
    update(one, random_rows(0))
    restored.set_state(one.get_state())
    before_N = worths(one)

    update(restored, random_rows(1))

    assert np.array_equal(worths(one), before_N), "a state is not shared"
    update(one, random_rows(1))
    assert np.array_equal(worths(restored), worths(one))


OTHERS_DKF = np.random.default_rng(11).standard_normal((DECISIONS, PLACES, F))
"""Candidates of another shard."""


def test_what_descriptors_were_worth_on_one_shard_holds_on_the_next() -> None:
    one, slope_F = credit(own=1e-6), np.array([2.0, -1.0])
    paid_by_descriptors(one, CANDIDATES_DKF, slope_F, seed=0)

    update(one, (np.ones((3, PLACES), bool), np.zeros(3), np.arange(DECISIONS)), OTHERS_DKF)

    # Nothing was learned of these candidates, since all of them were kept.
    found_N, expected_N = worths(one), (OTHERS_DKF @ slope_F).ravel()
    assert np.corrcoef(found_N, expected_N)[0, 1] > 0.99


def test_two_shards_say_as_much_of_the_descriptors_as_one_of_both() -> None:
    rows = random_rows(0), random_rows(1)
    in_turn, at_once = credit(own=1e-9), credit(own=1e-9)
    update(in_turn, rows[0])
    update(in_turn, rows[1], OTHERS_DKF)

    # The second shard's decisions are numbered on, so that both stand in one update.
    both = np.concatenate((CANDIDATES_DKF, OTHERS_DKF))
    joined = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    joined[2] = joined[2] + np.repeat([0, DECISIONS], [len(rows[0][1]), len(rows[1][1])])
    update(at_once, (joined[0], joined[1], joined[2]), both)

    expected = np.concatenate([at_once.worths()[DECISIONS + d].numpy() for d in range(DECISIONS)])
    assert worths(in_turn) == pytest.approx(expected, rel=1e-4)


def test_without_memory_an_earlier_shard_says_nothing() -> None:
    one, fresh = credit(memory=0.0), credit(memory=0.0)
    update(one, random_rows(0))

    for of in (one, fresh):
        update(of, random_rows(1), OTHERS_DKF)

    assert worths(one) == pytest.approx(worths(fresh), abs=1e-9)


def test_a_state_holds_what_earlier_shards_have_left() -> None:
    one, restored = credit(memory=0.9), credit(memory=0.9)
    update(one, random_rows(0))
    update(one, random_rows(1), OTHERS_DKF)
    restored.set_state(one.get_state())

    for of in (one, restored):
        update(of, random_rows(2), OTHERS_DKF)

    assert np.array_equal(worths(one), worths(restored))


def paid_by_descriptors(
    one: RidgeCredit, candidates_DKF: np.ndarray, slope_F: np.ndarray, seed: int
) -> None:
    """Rewards that are exactly what the descriptors of the kept candidates add up to."""
    kept_BK, _, decision_B = random_rows(seed, rows=300)
    reward_B = ((candidates_DKF[decision_B] @ slope_F) * kept_BK).sum(1)
    update(one, (kept_BK, reward_B, decision_B), candidates_DKF)
