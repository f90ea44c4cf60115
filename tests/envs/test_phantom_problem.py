"""The phantom's best answer is known, and its descriptors tell as much as was asked for."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import AdditiveReward, RewardFn, phantom_problem


def all_masks(num_candidates: int) -> np.ndarray:
    return np.array(list(itertools.product([False, True], repeat=num_candidates)))


@pytest.mark.parametrize("seed", range(5))
def test_no_mask_of_all_scores_more_than_the_best(seed: int) -> None:
    problem, reward = phantom_problem(np.random.default_rng(seed), num_candidates=11)

    masks_MN = all_masks(problem.num_candidates)
    scores_M = np.array([reward(mask_N) for mask_N in masks_MN])

    assert np.array_equal(masks_MN[scores_M.argmax()], reward.best_mask_N)
    assert scores_M.max() == pytest.approx(reward.best_score)


def test_keeping_nothing_is_worth_nothing() -> None:
    problem, reward = phantom_problem(np.random.default_rng(0))

    assert reward(np.zeros(problem.num_candidates, dtype=bool)) == 0.0


def test_the_same_seed_makes_the_same_problem() -> None:
    (one, one_reward), (other, other_reward) = (
        phantom_problem(np.random.default_rng(7)) for _ in range(2)
    )

    assert np.array_equal(one.batches_DK, other.batches_DK)
    assert np.array_equal(one.descriptors_NF, other.descriptors_NF)
    assert np.array_equal(one_reward.worth_N, other_reward.worth_N)


def test_a_fully_informative_descriptor_is_the_worth() -> None:
    problem, reward = phantom_problem(np.random.default_rng(0), num_candidates=61)

    assert problem.descriptors_NF[:, 0] == pytest.approx(61 * reward.worth_N, rel=1e-6)


def test_an_uninformative_descriptor_tells_nothing_of_the_worth() -> None:
    problem, reward = phantom_problem(np.random.default_rng(0), 4001, informative=0.0)

    correlation = np.corrcoef(problem.descriptors_NF[:, 0], reward.worth_N)[0, 1]

    assert abs(correlation) < 4 / np.sqrt(4001)


def test_the_informative_descriptor_correlates_as_asked() -> None:
    problem, reward = phantom_problem(np.random.default_rng(0), 4001, informative=0.6)

    correlation = np.corrcoef(problem.descriptors_NF[:, 0], reward.worth_N)[0, 1]

    assert correlation == pytest.approx(0.6, abs=4 / np.sqrt(4001))


def test_noise_has_the_stated_share_of_the_best_score() -> None:
    problem, reward = phantom_problem(np.random.default_rng(0), noise_std=0.5)

    draws = [reward(np.zeros(problem.num_candidates, dtype=bool)) for _ in range(4001)]

    assert np.std(draws) == pytest.approx(0.5 * reward.best_score, rel=0.05)
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(4001)


@given(num_candidates=st.integers(8, 97), num_decisions=st.integers(1, 8), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_batches_of_a_phantom_differ_in_size_by_at_most_one(
    num_candidates: int, num_decisions: int, seed: int
) -> None:
    problem, _ = phantom_problem(np.random.default_rng(seed), num_candidates, num_decisions)

    sizes = (problem.batches_DK >= 0).sum(axis=1)

    assert len(sizes) == num_decisions
    assert sizes.sum() == num_candidates
    assert sizes.max() - sizes.min() <= 1


def test_the_additive_reward_is_a_reward_function() -> None:
    assert isinstance(AdditiveReward(np.zeros(3)), RewardFn)
