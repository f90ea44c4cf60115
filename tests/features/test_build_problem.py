"""From the table of candidates to what the controller sees."""

from typing import get_args

import numpy as np
import pytest
from small_features import small_features, small_pool, small_splits

from envs import SelectionProblem
from rlsel.features import CandidateTable, FeaturesConfig, build_problem, describe_candidates
from rlsel.features.batching import cut_into_batches
from rlsel.features.config import Input
from rlsel.features.problem import NUM_COMPONENTS, principal_components, standardise

RNG = np.random.default_rng(0)


@pytest.fixture
def table() -> CandidateTable:
    splits = small_splits()
    return describe_candidates(
        small_features(), small_pool().candidates, splits.train, splits.reward_val, 5
    )


def build(config: FeaturesConfig, table: CandidateTable, seed: int = 0) -> SelectionProblem:
    return build_problem(config, small_features(), table, 3, np.random.default_rng(seed))


def test_standardised_columns_have_mean_zero_and_variance_one() -> None:
    x_NF = standardise(RNG.normal(5, [1e-3, 1, 1e3], (101, 3)))

    assert x_NF.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-6)
    assert x_NF.std(axis=0) == pytest.approx(np.ones(3), abs=1e-6)
    assert x_NF.dtype == np.float32


def test_a_constant_column_becomes_zero() -> None:
    assert standardise(np.full((7, 2), 0.1)) == pytest.approx(np.zeros((7, 2)), abs=1e-6)


def test_principal_components_are_those_of_the_covariance() -> None:
    x_NF = RNG.standard_normal((101, 7)) * np.arange(1, 8)
    values_F, vectors_FF = np.linalg.eigh(np.cov(x_NF.T))

    components_NP = principal_components(x_NF, 3)

    expected_NP = (x_NF - x_NF.mean(axis=0)) @ vectors_FF[:, :-4:-1]
    assert np.abs(components_NP) == pytest.approx(np.abs(expected_NP))
    assert components_NP.var(axis=0, ddof=1) == pytest.approx(values_F[:-4:-1])


def test_the_order_by_own_distance_is_the_papers(table: CandidateTable) -> None:
    problem = build(FeaturesConfig(num_batches=5, order="own_distance"), table)

    expected_DK = cut_into_batches(table.own_distance, table.labels, 5)
    assert np.array_equal(problem.batches_DK, expected_DK)


def test_the_label_free_order_goes_by_the_nearest_centroid(table: CandidateTable) -> None:
    problem = build(FeaturesConfig(num_batches=5, order="label_free"), table)

    nearest_N = np.array(
        [min(o, e) for o, e in zip(table.own_distance, table.other_distance, strict=True)]
    )
    assert np.array_equal(problem.batches_DK, cut_into_batches(nearest_N, table.labels, 5))


def test_a_random_order_depends_on_its_generator_alone(table: CandidateTable) -> None:
    config = FeaturesConfig(num_batches=5, order="random")

    one, again, other = (build(config, table, seed).batches_DK for seed in (1, 1, 2))

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_descriptors_are_named_one_by_one(table: CandidateTable) -> None:
    inputs = ("own_distance", "class", "principal_components")
    problem = build(FeaturesConfig(inputs=inputs, num_batches=5), table)

    assert problem.descriptor_names == (
        *("own_distance", "class_0", "class_1", "class_2"),
        *(f"principal_components_{i}" for i in range(NUM_COMPONENTS)),
    )
    assert problem.descriptors_NF.shape == (41, 4 + NUM_COMPONENTS)


@pytest.mark.parametrize("name", get_args(Input))
def test_every_input_has_as_many_names_as_columns(name: Input, table: CandidateTable) -> None:
    problem = build(FeaturesConfig(inputs=(name,), num_batches=5), table)

    assert len(problem.descriptor_names) == problem.descriptors_NF.shape[1]


def test_an_input_is_the_standardised_column_of_the_table(table: CandidateTable) -> None:
    problem = build(FeaturesConfig(inputs=("own_distance",), num_batches=5), table)

    expected_NF = standardise(table.own_distance[:, None])
    assert np.array_equal(problem.descriptors_NF, expected_NF)


def test_raw_features_are_shown_in_the_order_of_the_pool(table: CandidateTable) -> None:
    problem = build(FeaturesConfig(inputs=("features",), num_batches=5), table)

    assert np.array_equal(problem.descriptors_NF, standardise(small_features().candidates))


def test_the_context_is_handed_on(table: CandidateTable) -> None:
    problem = build(FeaturesConfig(context=("kept_mean",), num_batches=5), table)

    assert problem.context == ("kept_mean",)
