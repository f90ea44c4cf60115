"""Many episodes in step are so many single ones, and their sets are scored together."""

from functools import partial
from typing import Any, get_args

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problem import ACTIONS_DK, small_problem, squared_worth

from envs import SampleSelectionEnv, SampleSelectionVectorEnv, phantom_problem
from envs.episodes import Covers


class Together:
    """A worth that takes many sets at once, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def __call__(self, kept_N: np.ndarray) -> float:
        raise AssertionError("sets are to be asked for together")

    def many(self, masks_MN: np.ndarray) -> list[float]:
        self.asked.append(masks_MN.copy())
        return [squared_worth(mask_N) for mask_N in masks_MN]


def everywhere(action_K: np.ndarray, num_envs: int) -> np.ndarray:
    return np.repeat(action_K[None], num_envs, axis=0)


@given(
    seed=st.integers(0, 2**31),
    num_envs=st.sampled_from([1, 2, 5]),
    covers=st.sampled_from(get_args(Covers)),
    alpha=st.sampled_from([0.0, 0.8]),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_episodes_in_step_are_those_of_as_many_single_environments(
    seed: int, num_envs: int, covers: Any, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    problem, worth = phantom_problem(rng, 23, num_decisions=3, num_classes=3)
    make = partial(SampleSelectionEnv, problem, worth, covers, alpha)
    singles = SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.NEXT_STEP)
    ours = SampleSelectionVectorEnv(problem, worth, num_envs, covers, alpha)

    expected, got = singles.reset()[0], ours.reset()[0]
    for _ in range(3 * (problem.num_decisions + 1)):
        for name in expected:
            # A mean over the kept rounds otherwise where many are computed at once.
            tolerance = 1e-6 if name == "kept" else 0
            assert got[name] == pytest.approx(expected[name], abs=tolerance)
        actions_PK = rng.integers(0, 2, (num_envs, problem.batch_size)).astype(np.int8)
        expected, *expected_rest, expected_info = singles.step(actions_PK)
        got, *rest, info = ours.step(actions_PK)
        for one, other in zip(rest, expected_rest, strict=True):
            assert np.array_equal(one, other)
        for name in info:
            assert np.array_equal(info[name], expected_info[name])


@pytest.mark.parametrize(
    ("covers", "asked"),
    [
        ("decision", [7, 7, 7]),
        ("kept", [7, 7, 7]),
        ("gain", [1, 7, 7, 7]),  # what all begin with has one worth
        ("contrast", [14, 14, 14]),
    ],
)
def test_a_step_asks_once_for_all_sets_of_all_episodes(covers: Any, asked: list[int]) -> None:
    worth = Together()
    env = SampleSelectionVectorEnv(small_problem(), worth, 7, covers)
    env.reset()

    for action_K in ACTIONS_DK:
        env.step(everywhere(action_K, 7))

    assert [masks_MN.shape for masks_MN in worth.asked] == [(num, 5) for num in asked]


def test_a_worth_that_knows_one_set_at_a_time_is_asked_for_each() -> None:
    together, one_by_one = (
        SampleSelectionVectorEnv(small_problem(), worth, 3, "contrast")
        for worth in (Together(), squared_worth)
    )
    actions_PK = np.array([[0, 0], [1, 0], [1, 1]], dtype=np.int8)
    together.reset()
    one_by_one.reset()

    rewards_P = one_by_one.step(actions_PK)[1]

    # Worths of the first batch are 8 and 1.
    assert rewards_P.tolist() == [-81, 64 - 1, 81]
    assert np.array_equal(together.step(actions_PK)[1], rewards_P)


def test_the_step_after_the_last_begins_anew_whatever_the_actions() -> None:
    worth = Together()
    env = SampleSelectionVectorEnv(small_problem(), worth, 3)
    first, _ = env.reset()
    overs = [env.step(everywhere(action_K, 3))[2].all() for action_K in ACTIONS_DK]

    observation, rewards_P, over_P, cut_P, info = env.step(np.ones((3, 2), dtype=np.int8))

    assert overs == [False, False, True]
    assert all(np.array_equal(observation[name], first[name]) for name in first)
    assert not rewards_P.any()
    assert not over_P.any()
    assert not cut_P.any()
    assert info == {}
    assert len(worth.asked) == 3, "a beginning is no decision, and costs nothing"


def test_a_reset_in_mid_episode_forgets_what_was_kept() -> None:
    env = SampleSelectionVectorEnv(small_problem(), squared_worth, 2, "kept")
    env.reset()
    env.step(np.ones((2, 2), dtype=np.int8))

    env.reset()

    assert env.step(everywhere(ACTIONS_DK[0], 2))[1].tolist() == [64 + 3] * 2


def test_smoothing_goes_on_in_each_place_by_itself() -> None:
    env = SampleSelectionVectorEnv(small_problem(), squared_worth, 2, alpha=0.8)
    env.reset()
    env.step(np.array([[0, 0], [1, 0]], dtype=np.int8))

    rewards_P = env.step(np.array([[1, 0], [0, 0]], dtype=np.int8))[1]

    # Scores were 3 and 67, then 259 and 3.
    assert rewards_P == pytest.approx([0.8 * 3 + 0.2 * 259, 0.8 * 67 + 0.2 * 3])


@pytest.mark.parametrize("num_envs", [1, 5])
def test_spaces_are_those_of_a_single_environment_stacked(num_envs: int) -> None:
    problem, worth = phantom_problem(np.random.default_rng(0), 23, 3, num_classes=3)
    env = SampleSelectionVectorEnv(problem, worth, num_envs)
    single = SampleSelectionEnv(problem, worth)

    assert env.single_observation_space == single.observation_space
    assert env.single_action_space == single.action_space
    assert env.reset()[0] in env.observation_space
    assert env.step(env.action_space.sample())[0] in env.observation_space


def test_gymnasiums_own_wrapper_sees_whole_episodes_and_their_returns() -> None:
    env = RecordEpisodeStatistics(SampleSelectionVectorEnv(small_problem(), squared_worth, 2))
    assert isinstance(env, gymnasium.vector.VectorEnv)
    env.reset()
    # The step after the last begins the second episode.
    actions_TK = [*ACTIONS_DK, ACTIONS_DK[0], *ACTIONS_DK]
    infos = [env.step(everywhere(action_K, 2))[4] for action_K in actions_TK]

    for info in (infos[2], infos[-1]):
        assert info["episode"]["l"].tolist() == [3, 3]
        assert info["episode"]["r"] == pytest.approx([67 + 259 + 19] * 2)
