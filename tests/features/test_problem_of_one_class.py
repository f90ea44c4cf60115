"""What the controller is shown where candidates are of one class of three alone."""

from dataclasses import replace

import numpy as np
import pytest
from small_features import small_features, small_pool, small_splits

from envs import SelectionProblem
from envs.episodes import Episodes
from rlsel.features import FeaturesConfig, build_problem, describe_candidates

ONLY, NUM_CLASSES = 1, 3


@pytest.fixture
def problem() -> SelectionProblem:
    splits, features = small_splits(), small_features()
    candidates = replace(small_pool().candidates, labels=np.full(41, ONLY))
    table = describe_candidates(features, candidates, splits.train, splits.reward_val, 5)
    return build_problem(FeaturesConfig(), features, table, NUM_CLASSES, np.random.default_rng(0))


def test_every_batch_holds_equally_many_of_the_class(problem: SelectionProblem) -> None:
    sizes = (problem.batches_DK >= 0).sum(axis=1)

    assert sizes.tolist() == [6, 5, 5, 5, 5, 5, 5, 5]


def test_its_class_says_nothing_of_a_candidate(problem: SelectionProblem) -> None:
    is_class_F = [name.startswith("class_") for name in problem.descriptor_names]

    assert sum(is_class_F) == NUM_CLASSES
    assert not problem.descriptors_NF[:, is_class_F].any()
    assert np.isfinite(problem.descriptors_NF).all()


def test_of_classes_without_a_candidate_none_is_kept(problem: SelectionProblem) -> None:
    episodes = Episodes(problem, lambda kept_N: float(kept_N.mean()))

    observation = episodes.reset()
    for _ in range(problem.num_decisions):
        observation, _, _ = episodes.step(np.ones((1, problem.batch_size), dtype=int))

    assert observation["kept"][0, :NUM_CLASSES].tolist() == [0, 1, 0]
