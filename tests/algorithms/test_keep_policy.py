"""Reading a controller: probabilities, and the mask made of them."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from envs import phantom_problem
from rlsel.algorithms.policy import keep_most_probable, keep_probabilities, keep_within_ranges
from rlsel.controllers import Controller, build_controller
from rlsel.controllers.config import GRUConfig, MLPConfig, TransformerConfig
from rlsel.controllers.controller import Observation

PROBLEM, _ = phantom_problem(np.random.default_rng(3), num_candidates=23, num_decisions=5)
"""Its last candidate stands in a batch with padding, which is -1 and so an index of its own."""


class FirstDescriptor(Controller):
    """Keeps by the first descriptor, and more of everything the more was kept so far."""

    def __init__(self, weight_of_kept: float = 0.0) -> None:
        super().__init__(nn.Identity(), 3, 5 + 2 + 3, hidden_size=2, positions="none")
        self.weight_of_kept = weight_of_kept

    def forward(
        self, observation: Observation, actions_BK: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        kept_share_B1 = observation["kept"][:, :2].sum(1, keepdim=True)
        logits_BK = observation["candidates"][..., 0] + self.weight_of_kept * kept_share_B1
        return logits_BK.masked_fill(observation["valid"] == 0, -1e9), logits_BK[:, :1]


def test_probabilities_stand_at_their_own_candidate() -> None:
    assert any({22, -1} <= set(places_K.tolist()) for places_K in PROBLEM.batches_DK)

    probability_N = keep_probabilities(FirstDescriptor(), PROBLEM, seed=0)

    expected_N = 1 / (1 + np.exp(-PROBLEM.descriptors_NF[:, 0]))
    assert probability_N == pytest.approx(expected_N, abs=1e-6)


def test_what_was_kept_before_is_sampled_as_in_training() -> None:
    indifferent = keep_probabilities(FirstDescriptor(), PROBLEM, seed=0)
    eager = keep_probabilities(FirstDescriptor(weight_of_kept=3.0), PROBLEM, seed=0)

    first_K, later_DK = PROBLEM.batches_DK[0], PROBLEM.batches_DK[1:]
    first, later = first_K[first_K >= 0], later_DK[later_DK >= 0]
    # Nothing was kept before the first decision; after it, nearly always something.
    assert eager[first] == pytest.approx(indifferent[first])
    assert (eager[later] > indifferent[later]).all()


@pytest.mark.parametrize(
    "config",
    [config(hidden_size=8) for config in (TransformerConfig, GRUConfig, MLPConfig)],
    ids=lambda config: config.name,
)
@given(seed=st.integers(0, 2**31))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_probabilities_of_any_controller_lie_between_zero_and_one(config: Any, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        controller = build_controller(config, PROBLEM)
        nn.init.normal_(controller.policy_head.weight, std=5.0)

    probability_N = keep_probabilities(controller, PROBLEM, seed)

    assert probability_N.shape == (23,)
    assert probability_N.min() >= 0
    assert probability_N.max() <= 1


def test_the_seed_alone_decides_the_probabilities() -> None:
    controller = FirstDescriptor(weight_of_kept=3.0)

    torch.manual_seed(1)
    once = keep_probabilities(controller, PROBLEM, seed=7)
    torch.manual_seed(2)
    again = keep_probabilities(controller, PROBLEM, seed=7)

    assert np.array_equal(once, again)
    assert not np.array_equal(once, keep_probabilities(controller, PROBLEM, seed=8))


def test_more_passes_average_over_more_episodes() -> None:
    controller = FirstDescriptor(weight_of_kept=3.0)

    def spread(num_passes: int) -> float:
        reads = [keep_probabilities(controller, PROBLEM, seed, num_passes) for seed in range(11)]
        return float(np.std(reads, axis=0).mean())

    assert spread(16) < 0.5 * spread(1)


def test_without_a_fraction_as_many_are_kept_as_expected() -> None:
    probability_N = np.array([0.9, 0.1, 0.8, 0.3, 0.6])

    # They sum to 2.7.
    assert keep_most_probable(probability_N).tolist() == [True, False, True, False, True]


def test_a_fraction_sets_the_number_and_the_rank_decides_who() -> None:
    probability_N = np.array([0.09, 0.01, 0.08, 0.03, 0.06])

    assert keep_most_probable(probability_N, 0.4).tolist() == [True, False, True, False, False]


def test_ties_go_by_a_lot_that_is_always_the_same() -> None:
    stored_good_first_N = np.arange(1000) < 500

    kept_N = keep_most_probable(np.full(1000, 0.5), 0.5)

    assert 0.45 < stored_good_first_N[kept_N].mean() < 0.55
    assert (keep_most_probable(np.full(1000, 0.5), 0.5) == kept_N).all()


@pytest.mark.parametrize(("probability", "num_kept"), [(0.0, 0), (1.0, 7)])
def test_a_controller_sure_of_all_keeps_all_or_nothing(probability: float, num_kept: int) -> None:
    assert keep_most_probable(np.full(7, probability)).sum() == num_kept


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=31),
    st.one_of(st.none(), st.floats(0.01, 1)),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nobody_left_out_is_more_probable_than_somebody_kept(
    probabilities: list[float], keep_fraction: float | None
) -> None:
    probability_N = np.array(probabilities)

    mask_N = keep_most_probable(probability_N, keep_fraction)

    expected = sum(probabilities) if keep_fraction is None else keep_fraction * len(probabilities)
    assert abs(mask_N.sum() - expected) <= 0.5 + 1e-9
    if mask_N.any() and not mask_N.all():
        assert probability_N[mask_N].min() >= probability_N[~mask_N].max()


@given(
    seed=st.integers(0, 2**31),
    ranges=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), min_size=3, max_size=3
    ),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_within_ranges_every_class_has_its_most_probable_and_no_more_or_less_than_allowed(
    seed: int, ranges: list[list[float]]
) -> None:
    rng = np.random.default_rng(seed)
    labels_N, probability_N = rng.integers(3, size=23), rng.random(23)

    mask_N = keep_within_ranges(probability_N, labels_N, tuple((a, b) for a, b in ranges))

    for label, (least, greatest) in enumerate(ranges):
        members_N = labels_N == label
        share = np.clip(probability_N[members_N].mean(), least, greatest) if members_N.any() else 0
        assert abs(mask_N[members_N].sum() - share * members_N.sum()) <= 0.5 + 1e-9
        kept, left_out = probability_N[members_N & mask_N], probability_N[members_N & ~mask_N]
        if len(kept) and len(left_out):
            assert kept.min() >= left_out.max()


def test_a_range_overrules_the_controller_class_by_class() -> None:
    probability_N = np.array([0.9, 0.8, 0.7, 0.95, 0.2, 0.1, 0.3, 0.15])
    labels_N = np.array([0, 0, 0, 0, 1, 1, 1, 1])

    mask_N = keep_within_ranges(probability_N, labels_N, ((0.0, 0.5), (0.5, 1.0)))

    assert mask_N.tolist() == [True, False, False, True, True, False, True, False]
