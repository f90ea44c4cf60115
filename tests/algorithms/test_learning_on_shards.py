"""Learning on a pool of several shards: an iteration on one of them, the whole pool at the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs import AdditiveReward, phantom_problem
from rlsel.algorithms.config import AlgorithmConfig, CreditConfig
from rlsel.algorithms.history import load_checkpoint
from rlsel.algorithms.policy import keep_most_probable
from rlsel.algorithms.task import Task
from rlsel.algorithms.train import Learned, shard_of, train
from rlsel.controllers.config import TransformerConfig

learns = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning"),
]
CONTROLLER = TransformerConfig(hidden_size=8, num_layers=1)
SHORT = AlgorithmConfig(iterations=5, episodes=4, lr=0.02, num_epochs=2, minibatch_size=19)
NUM_SHARDS = 3


def make_task(
    num_candidates: int = 71, seed: int = 0, reward: Callable[..., float] | None = None
) -> tuple[Task, AdditiveReward]:
    problem, worth = phantom_problem(
        np.random.default_rng(seed), num_candidates, num_decisions=4 * NUM_SHARDS
    )
    problem = replace(problem, num_shards=NUM_SHARDS)
    return Task(problem, reward or worth, worth, {"covers": "decision", "alpha": 0.0}), worth


def test_every_shard_has_its_turn_before_any_has_another() -> None:
    turns = [shard_of(7, iteration, 5) for iteration in range(15)]

    assert [sorted(turns[i : i + 5]) for i in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert turns[:5] != turns[5:10]


def test_a_pool_of_one_shard_is_always_learned_on_whole() -> None:
    assert [shard_of(7, iteration, 1) for iteration in range(3)] == [0, 0, 0]


@pytest.fixture(scope="module")
def whole(ray_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, Path]:
    run_dir = tmp_path_factory.mktemp("on-shards")
    return train(SHORT, CONTROLLER, make_task()[0], 3, run_dir, num_env_runners=0), run_dir


@pytest.mark.slow
def test_an_iteration_pays_for_candidates_of_its_shard_alone(
    ray_cluster: None, tmp_path: Path
) -> None:
    asked: list[np.ndarray] = []
    task, worth = make_task()

    def remember(kept_N: np.ndarray) -> float:
        asked.append(kept_N.copy())
        return worth(kept_N)

    once = replace(SHORT, iterations=2)
    train(once, CONTROLLER, replace(task, reward=remember), 3, tmp_path, 0)

    per_iteration = SHORT.episodes * task.problem.num_decisions + 1  # and the selection's score
    assert len(asked) == 2 * per_iteration
    for iteration in range(2):
        masks = asked[iteration * per_iteration : (iteration + 1) * per_iteration]
        members = task.problem.members_of(shard_of(3, iteration, NUM_SHARDS))
        assert set(np.flatnonzero(np.any(masks, axis=0))) <= set(members.tolist())
        assert any(mask.any() for mask in masks)


@pytest.mark.slow
def test_all_candidates_have_a_probability_in_the_end(whole: tuple[Learned, Path]) -> None:
    learned, run_dir = whole
    found = load_checkpoint(run_dir)

    assert learned.keep_probability_N.shape == (71,)
    assert ((learned.keep_probability_N > 0) & (learned.keep_probability_N < 1)).all()
    assert learned.chosen_iteration in (3, 4, 5)
    assert found is not None
    assert found[0].shards == [shard_of(3, iteration, NUM_SHARDS) for iteration in range(5)]
    finalists = [row for row in learned.rows if "final_selection_val" in row]
    assert len(finalists) == 3


@pytest.mark.slow
def test_the_policies_of_a_run_that_was_resumed_say_the_same_of_the_pool(
    whole: tuple[Learned, Path], tmp_path: Path
) -> None:
    def interrupt(row: dict[str, Any]) -> None:
        if row["iteration"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, CONTROLLER, make_task()[0], 3, tmp_path, 0, on_iteration=interrupt)
    resumed = train(SHORT, CONTROLLER, make_task()[0], 3, tmp_path, 0)

    assert np.array_equal(resumed.keep_probability_N, whole[0].keep_probability_N)


@pytest.mark.slow
def test_env_runners_play_on_the_same_shard(ray_cluster: None, tmp_path: Path) -> None:
    one, two = (
        train(SHORT, CONTROLLER, make_task()[0], 3, tmp_path / str(number), number)
        for number in (1, 2)
    )

    assert np.array_equal(one.keep_probability_N, two.keep_probability_N)


@pytest.mark.slow
@pytest.mark.parametrize("credit", ["shared", "ridge"])
def test_what_is_learned_on_some_shards_holds_for_all(
    credit: str, ray_cluster: None, tmp_path: Path
) -> None:
    task, worth = make_task(num_candidates=181)
    config = AlgorithmConfig(
        iterations=NUM_SHARDS - 1, episodes=16, lr=0.01, num_epochs=8, minibatch_size=32,
        credit=CreditConfig(name=credit),  # type: ignore[arg-type]
    )  # fmt: skip

    learned = train(config, CONTROLLER, task, 0, tmp_path, num_env_runners=0)

    (never,) = {0, 1, 2} - {shard_of(0, i, NUM_SHARDS) for i in range(NUM_SHARDS - 1)}
    members = task.problem.members_of(never)
    probability_M, worth_M = learned.keep_probability_N[members], worth.worth_N[members]
    kept_M = keep_most_probable(probability_M)
    best = worth_M[worth_M > 0].sum()
    assert worth_M[kept_M].sum() > 0.7 * best
