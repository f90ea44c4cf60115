"""Episodes on a pool of several shards."""

from dataclasses import replace

import numpy as np
import pytest

from envs import SampleSelectionEnv, SampleSelectionVectorEnv, SelectionProblem, phantom_problem

SIX_BATCHES, WORTH = phantom_problem(np.random.default_rng(5), 47, num_decisions=6)
PROBLEM = replace(SIX_BATCHES, num_shards=2)


def test_an_episode_has_the_decisions_of_one_shard() -> None:
    assert (PROBLEM.num_candidates, PROBLEM.num_decisions) == (47, 3)
    assert np.array_equal(PROBLEM.batches_of(1), SIX_BATCHES.batches_DK[3:])


def test_shards_hold_every_candidate_once() -> None:
    members = np.concatenate([PROBLEM.members_of(shard) for shard in (0, 1)])

    assert sorted(members.tolist()) == list(range(47))
    assert (np.diff(PROBLEM.members_of(1)) > 0).all()


def test_batches_that_cannot_be_dealt_to_the_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="6 batches cannot be dealt to 4 shards"):
        replace(SIX_BATCHES, num_shards=4)


def played(problem: SelectionProblem, shard: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """What an episode that keeps everything kept in the end, and what it saw of the kept."""
    env = SampleSelectionEnv(problem, WORTH)
    observation, _ = env.reset(options={"shard": shard})
    seen, is_over = [observation["kept"]], False
    while not is_over:
        observation, _, is_over, _, _ = env.step(np.ones(problem.batch_size, dtype=np.int8))
        seen.append(observation["kept"])
    return env.kept_N, seen


@pytest.mark.parametrize("shard", [0, 1])
def test_an_episode_keeps_candidates_of_its_shard_alone(shard: int) -> None:
    kept_N, seen = played(PROBLEM, shard)

    assert np.flatnonzero(kept_N).tolist() == PROBLEM.members_of(shard).tolist()
    # Shares are of the shard's candidates, and the mean is over them.
    assert seen[-1][:2] == pytest.approx([1.0, 1.0])
    of_shard_MF = PROBLEM.descriptors_NF[PROBLEM.members_of(shard)]
    assert seen[-1][2:] == pytest.approx(of_shard_MF.mean(axis=0), abs=1e-6)


def test_a_shard_stays_until_another_is_asked_for() -> None:
    env = SampleSelectionVectorEnv(PROBLEM, WORTH, num_envs=2)
    first, _ = env.reset(options={"shard": 1})
    again, _ = env.reset()
    other, _ = env.reset(options={"shard": 0})

    assert np.array_equal(first["candidates"], again["candidates"])
    assert not np.array_equal(first["candidates"], other["candidates"])
