"""`SampleSelectionEnv` does what its docstring says, figure by figure."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gymnasium
import jaxtyping
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problem import ACTIONS_DK, DESCRIPTORS_NF, make, play, small_problem, squared_worth

import envs
from envs import SampleSelectionEnv, phantom_problem
from envs.episodes import Covers


@pytest.mark.parametrize("name", ["rlsel:rlsel/SampleSelection-v0", envs.ENV_ID])
def test_gymnasium_finds_nothing_to_complain_about(name: str) -> None:
    check_env(gymnasium.make(name).unwrapped)


@pytest.mark.parametrize("covers", get_args(Covers))
def test_gymnasium_finds_nothing_to_complain_about_with_a_problem_given(covers: str) -> None:
    env = gymnasium.make(
        envs.ENV_ID, problem=small_problem(), reward_fn=squared_worth, covers=covers
    )

    check_env(env.unwrapped)


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import gymnasium", "rlsel:rlsel/SampleSelection-v0"),
        ("import gymnasium, rlsel", "rlsel/SampleSelection-v0"),
        ("import gymnasium, envs", "rlsel/SampleSelection-v0"),
    ],
)
def test_a_fresh_python_can_make_the_environment(imports: str, name: str) -> None:
    code = f"{imports}; print(gymnasium.make({name!r}).reset()[1])"
    root = Path(envs.__file__).parent.parent
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert made.stdout.strip() == "{'kept': 0}"


def test_kept_candidates_accumulate_over_an_episode() -> None:
    env = make()
    env.reset()

    kept = [np.flatnonzero((env.step(action_K), env.kept_N)[1]).tolist() for action_K in ACTIONS_DK]

    assert kept == [[3], [3, 4], [2, 3, 4]]


def test_a_new_episode_starts_with_nothing_kept() -> None:
    env = make()
    play(env)

    observation, info = env.reset()

    assert info == {"kept": 0}
    assert not env.kept_N.any()
    assert not observation["kept"].any()
    assert observation["decision"].tolist() == [1, 0, 0]


def test_what_an_action_says_about_padding_is_ignored() -> None:
    # The second batch is candidate 4, which is the last of the pool, and padding.
    silent_DK, loud_DK = (np.array([[1, 0], [0, said], [0, 1]], np.int8) for said in (0, 1))
    one, other = make(), make()

    assert play(one, silent_DK) == play(other, loud_DK)
    assert one.kept_N.tolist() == other.kept_N.tolist() == [False, False, True, True, False]


def test_the_mask_handed_out_is_a_copy() -> None:
    env = make()
    play(env)

    env.kept_N[:] = False

    assert env.kept_N.sum() == 3


def test_an_episode_ends_with_its_last_decision_and_is_never_cut_short() -> None:
    env = make()
    env.reset()

    ends = [env.step(action_K)[2:4] for action_K in ACTIONS_DK]

    assert ends == [(False, False), (False, False), (True, False)]


def test_an_observation_shows_the_batch_in_its_order_and_zero_on_padding() -> None:
    env = make()
    first, _ = env.reset()
    second = env.step(ACTIONS_DK[0])[0]

    assert np.array_equal(first["candidates"], DESCRIPTORS_NF[[3, 0]])
    assert first["valid"].tolist() == [1, 1]
    assert first["labels"].tolist() == [0, 0]
    assert np.array_equal(second["candidates"], [DESCRIPTORS_NF[4], np.zeros(3)])
    assert second["valid"].tolist() == [1, 0]
    assert second["labels"].tolist() == [1, 0]
    assert second["decision"].tolist() == [0, 1, 0]


def test_an_observation_says_what_was_kept_so_far() -> None:
    env = make()
    env.reset()
    observations = [env.step(action_K)[0] for action_K in ACTIONS_DK]

    # Candidates 3 and 4: one of three of class 0, one of two of class 1.
    assert observations[1]["kept"] == pytest.approx([1 / 3, 1 / 2, -0.5, 3.0, 6.5])
    # And 2, of class 0.
    assert observations[2]["kept"] == pytest.approx([2 / 3, 1 / 2, -7 / 3, 7 / 3, 14 / 3])


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (("decision", "kept_share", "kept_mean"), [1 / 3, 1 / 2, -0.5, 3.0, 6.5]),
        (("kept_share",), [1 / 3, 1 / 2, 0, 0, 0]),
        (("kept_mean",), [0, 0, -0.5, 3.0, 6.5]),
        (("decision",), [0, 0, 0, 0, 0]),
        ((), [0, 0, 0, 0, 0]),
    ],
)
def test_what_the_context_leaves_out_is_zero(
    context: tuple[Any, ...], expected: list[float]
) -> None:
    env = SampleSelectionEnv(replace(small_problem(), context=context), squared_worth)
    env.reset()
    env.step(ACTIONS_DK[0])

    observation = env.step(ACTIONS_DK[1])[0]

    assert observation["kept"] == pytest.approx(expected)


def test_which_decision_it_is_is_shown_whatever_the_context() -> None:
    # The learner compares a reward with those of the same decision; the controller looks away.
    env = SampleSelectionEnv(replace(small_problem(), context=()), squared_worth)

    assert env.reset()[0]["decision"].tolist() == [1, 0, 0]


@given(seed=st.integers(0, 2**32 - 1), num_decisions=st.sampled_from([1, 3, 7]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_every_observation_lies_in_its_space_and_is_zero_on_padding(
    seed: int, num_decisions: int
) -> None:
    rng = np.random.default_rng(seed)
    env = SampleSelectionEnv(*phantom_problem(rng, 23, num_decisions, num_classes=3))
    observation, _ = env.reset()
    terminated = False
    while not terminated:
        assert env.observation_space.contains(observation)
        for name in ("candidates", "labels"):
            assert not observation[name][observation["valid"] == 0].any()
        action_K = rng.integers(0, 2, env.problem.batch_size).astype(np.int8)
        observation, _, terminated, _, _ = env.step(action_K)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"covers": "everything"},
            "covers is 'everything'; known are decision, gain, kept, contrast",
        ),
        ({"alpha": 1.0}, "alpha is 1.0"),
        ({"alpha": -0.1}, "alpha is -0.1"),
        ({"alpha": float("nan")}, "alpha is nan"),
    ],
)
def test_a_setting_without_meaning_is_refused(
    settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user runs without the type checks of our tests, which would refuse it first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)

    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_a_problem_and_its_reward_go_together() -> None:
    with pytest.raises(ValueError, match="give both or neither"):
        SampleSelectionEnv(problem=small_problem())
    with pytest.raises(ValueError, match="give both or neither"):
        SampleSelectionEnv(reward_fn=squared_worth)
