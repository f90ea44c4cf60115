"""What a decision is paid, figure by figure."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problem import ACTIONS_DK, WORTH_N, make, play, small_problem, squared_worth

from envs import AdditiveReward, SampleSelectionEnv

EPISODE = st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=3, max_size=3)
"""Actions for the small problem's three batches."""


@pytest.mark.parametrize(
    ("covers", "expected"),
    [
        # Worths 8, 16 and 4 join in turn; a set is worth its sum squared, plus 3.
        ("decision", [64 + 3, 256 + 3, 16 + 3]),
        ("kept", [64 + 3, 576 + 3, 784 + 3]),
        ("gain", [64, 512, 208]),
        # Discarded are 1 beside 8, nothing beside 16, and 2 beside 4.
        ("contrast", [64 - 1, 256, 16 - 4]),
    ],
)
def test_a_reward_covers_what_the_setting_says(covers: str, expected: list[float]) -> None:
    assert play(make(covers=covers)) == expected


@given(EPISODE)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_gains_sum_to_the_gain_of_all_that_was_kept(actions: list[list[int]]) -> None:
    env = make(covers="gain")

    gains = play(env, np.array(actions, dtype=np.int8))

    assert sum(gains) == squared_worth(env.kept_N) - squared_worth(np.zeros(5, dtype=bool))


@given(EPISODE)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_contrast_changes_its_sign_where_keep_and_discard_change_places(
    actions: list[list[int]],
) -> None:
    env, actions_DK = make(covers="contrast"), np.array(actions, dtype=np.int8)

    assert play(env, 1 - actions_DK) == [-contrast for contrast in play(env, actions_DK)]


@given(EPISODE)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_where_worths_add_up_a_contrast_is_twice_the_decision_less_the_whole_batch(
    actions: list[list[int]],
) -> None:
    problem, worth = small_problem(), AdditiveReward(WORTH_N)
    paid = {
        covers: play(SampleSelectionEnv(problem, worth, covers=covers), np.array(actions, np.int8))
        for covers in ("decision", "contrast")
    }

    whole_D = [1 + 8, 16, 2 + 4]
    assert paid["contrast"] == [
        2 * kept - whole for kept, whole in zip(paid["decision"], whole_D, strict=True)
    ]


@pytest.mark.parametrize(
    ("covers", "calls"), [("decision", 3), ("kept", 3), ("gain", 4), ("contrast", 6)]
)
def test_an_episode_asks_for_no_more_evaluations_than_it_needs(covers: str, calls: int) -> None:
    asked = []

    def counting(kept_N: np.ndarray) -> float:
        asked.append(kept_N)
        return 0.0

    play(SampleSelectionEnv(small_problem(), counting, covers=cast(Any, covers)))

    assert len(asked) == calls


def test_the_smoothed_reward_is_equation_5() -> None:
    smoothed = play(make(alpha=0.8))

    # q_1 = r_1, then 0.8 q + 0.2 r, with r = 67, 259, 19.
    assert smoothed == pytest.approx([67.0, 105.4, 88.12])


def test_without_alpha_the_reward_is_the_raw_score() -> None:
    env = make()
    env.reset()

    for action_K in ACTIONS_DK:
        _, reward, _, _, info = env.step(action_K)
        assert reward == info["score"]


def test_the_score_in_the_info_is_not_smoothed() -> None:
    env = make(alpha=0.8)
    env.reset()

    infos = [env.step(action_K)[4] for action_K in ACTIONS_DK]

    assert infos == [
        {"kept": 1, "score": 67.0}, {"kept": 2, "score": 259.0}, {"kept": 3, "score": 19.0},
    ]  # fmt: skip


def test_smoothing_goes_on_in_the_next_episode() -> None:
    env = make(alpha=0.8)
    play(env)

    assert play(env)[0] == pytest.approx(0.8 * 88.12 + 0.2 * 67.0)
