"""A `SelectionProblem` that makes no sense cannot be made."""

from dataclasses import replace

import numpy as np
import pytest
from small_problem import DESCRIPTORS_NF, small_problem


def test_sizes_are_read_off_the_arrays() -> None:
    problem = small_problem()

    assert (problem.num_candidates, problem.num_decisions, problem.batch_size) == (5, 3, 2)


@pytest.mark.parametrize(
    "batches",
    [
        [[3, 0], [4, -1], [1, -1]],  # 2 is missing
        [[3, 0], [4, 2], [1, 2]],  # 2 stands twice
        [[3, 0], [4, 5], [1, 2]],  # 5 does not exist
    ],
)
def test_every_candidate_stands_in_exactly_one_batch(batches: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="exactly one batch, exactly once"):
        replace(small_problem(), batches_DK=np.array(batches))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_descriptor_that_is_not_finite_is_refused(value: float) -> None:
    descriptors_NF = DESCRIPTORS_NF.copy()
    descriptors_NF[2, 1] = value

    with pytest.raises(ValueError, match="must be finite"):
        replace(small_problem(), descriptors_NF=descriptors_NF)
