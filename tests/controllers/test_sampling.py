"""What is sampled has the probability that training will give it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_controllers import (
    CONFIGS,
    POSITIONS,
    all_masks,
    controller,
    mask_probabilities,
    observation,
    repeated,
)

from rlsel.controllers.controller import DISCARD_LOGIT

every_architecture = pytest.mark.parametrize("name", CONFIGS)
with_and_without_positions = pytest.mark.parametrize("positions", POSITIONS)


@every_architecture
@with_and_without_positions
def test_probabilities_of_all_masks_sum_to_one(name: str, positions: str) -> None:
    # So no logit of a sequential controller knows its own decision, or a later one.
    network, seen = controller(name, positions), observation(rows=1, places=7, padded=False)
    seen["valid"][0, [1, 6]] = 0
    actions_MK = torch.zeros((32, 7), dtype=torch.int8)
    actions_MK[:, seen["valid"][0] == 1] = all_masks(5)

    keep_MK, _ = network(repeated(seen, 32), actions_MK)

    assert mask_probabilities(keep_MK, actions_MK).sum().item() == pytest.approx(1, abs=1e-5)


@every_architecture
@with_and_without_positions
@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_the_logits_of_a_sample_are_those_of_forward_to_the_last_bit(
    name: str, positions: str, seed: int
) -> None:
    network, seen = controller(name, positions), observation(seed)

    actions_BK, keep_BK = network.sample(seen, torch.Generator().manual_seed(seed))

    assert torch.equal(network(seen, actions_BK)[0], keep_BK)
    assert not actions_BK[seen["valid"] == 0].any()
    assert actions_BK.dtype == torch.int8


@every_architecture
def test_masks_are_as_frequent_as_their_probability(name: str) -> None:
    network, seen = controller(name), observation(rows=1, places=3, padded=False)
    masks_MK = all_masks(3)
    expected_M = mask_probabilities(network(repeated(seen, 8), masks_MK)[0], masks_MK)

    drawn_SK, _ = network.sample(repeated(seen, 8009), torch.Generator().manual_seed(0))

    share_M = (drawn_SK[:, None] == masks_MK).all(-1).float().mean(0)
    assert ((share_M - expected_M).abs() < 4 * (expected_M * (1 - expected_M) / 8009).sqrt()).all()


@every_architecture
def test_the_generator_alone_decides_a_sample(name: str) -> None:
    network, seen = controller(name), observation()

    one, again, other = (
        network.sample(seen, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    )

    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@every_architecture
def test_a_batch_of_nothing_but_padding_can_be_sampled(name: str) -> None:
    seen = observation()
    seen["valid"][:] = 0

    actions_BK, keep_BK = controller(name).sample(seen)

    assert not actions_BK.any()
    assert (keep_BK == DISCARD_LOGIT).all()
