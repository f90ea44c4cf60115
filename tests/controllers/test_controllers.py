"""What holds for every controller, whatever its encoder."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_controllers import (
    CONFIGS,
    POSITIONS,
    SEQUENTIAL,
    actions,
    close,
    controller,
    observation,
    small_problem,
)

from rlsel.controllers import build_controller
from rlsel.controllers.controller import DISCARD_LOGIT

every_architecture = pytest.mark.parametrize("name", CONFIGS)
with_and_without_positions = pytest.mark.parametrize("positions", POSITIONS)


@every_architecture
@with_and_without_positions
@given(
    seed=st.integers(0, 2**31),
    rows=st.sampled_from([1, 3]),
    places=st.sampled_from([1, 2, 7]),
    num_classes=st.sampled_from([1, 2, 5]),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_what_stands_on_padding_changes_nothing(
    name: str, positions: str, seed: int, rows: int, places: int, num_classes: int
) -> None:
    network = controller(name, positions, small_problem(num_classes))
    seen = observation(seed, rows, places, num_classes)
    actions_BK, padding_BK = actions(seed, seen), seen["valid"] == 0
    other_BKF = seen["candidates"].masked_fill(padding_BK[..., None], -7.0)
    other_actions_BK = actions_BK ^ padding_BK.to(torch.int8)

    keep_BK, embedding_BH = network(seen, actions_BK)
    other_BK, other_BH = network(seen | {"candidates": other_BKF}, other_actions_BK)

    assert torch.equal(other_BK, keep_BK)
    assert torch.equal(other_BH, embedding_BH)
    assert torch.equal(keep_BK == DISCARD_LOGIT, padding_BK)


@every_architecture
@given(seed=st.integers(0, 2**31))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_taking_padding_out_changes_nothing_for_the_others(name: str, seed: int) -> None:
    network, seen = controller(name), observation(seed, rows=1, places=11)
    actions_BK, real_K = actions(seed, seen), seen["valid"][0] == 1
    there = {key: seen[key][:, real_K] for key in ("candidates", "labels", "valid")}

    keep_BK, embedding_BH = network(seen, actions_BK)
    dense_BK, dense_BH = network(seen | there, actions_BK[:, real_K])

    close(dense_BK, keep_BK[:, real_K])
    close(dense_BH, embedding_BH)


@every_architecture
def test_padding_at_the_end_leaves_positions_where_they_are(name: str) -> None:
    network, seen = controller(name, "sinusoidal"), observation(places=11, padded=False)
    seen["valid"][:, 7:] = 0
    actions_BK = actions(0, seen)
    there = {key: seen[key][:, :7] for key in ("candidates", "labels", "valid")}

    keep_BK, embedding_BH = network(seen, actions_BK)
    short_BK, short_BH = network(seen | there, actions_BK[:, :7])

    close(short_BK, keep_BK[:, :7])
    close(short_BH, embedding_BH)


@every_architecture
@with_and_without_positions
def test_rows_of_a_batch_do_not_see_each_other(name: str, positions: str) -> None:
    network, seen = controller(name, positions), observation(rows=3)
    actions_BK = actions(0, seen)
    whole_BK, whole_BH = network(seen, actions_BK)

    alone_BK, alone_BH = network({k: v[1:2] for k, v in seen.items()}, actions_BK[1:2])

    close(alone_BK[0], whole_BK[1])
    close(alone_BH[0], whole_BH[1])


@every_architecture
@with_and_without_positions
def test_the_value_of_a_state_does_not_depend_on_the_actions(name: str, positions: str) -> None:
    network, seen = controller(name, positions), observation(rows=7)

    values = [network.value(network(seen, actions(seed, seen))[1]) for seed in (0, 1)]

    assert values[0].shape == (7,)
    assert torch.equal(*values)
    assert len(values[0].unique()) == 7


@every_architecture
@with_and_without_positions
def test_every_parameter_learns(name: str, positions: str) -> None:
    network, seen = controller(name, positions), observation()

    keep_BK, embedding_BH = network(seen, actions(0, seen))
    real_BK = keep_BK[seen["valid"] == 1]
    (real_BK.square().sum() + network.value(embedding_BH).square().sum()).backward()

    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert still == []


@every_architecture
@with_and_without_positions
def test_a_row_of_nothing_but_padding_is_finite_and_so_are_its_gradients(
    name: str, positions: str
) -> None:
    network, seen = controller(name, positions), observation()
    seen["valid"][1] = 0
    actions_BK, _ = network.sample(seen)

    keep_BK, embedding_BH = network(seen, actions_BK)
    value_B = network.value(embedding_BH)
    (torch.sigmoid(keep_BK).sum() + value_B.sum()).backward()

    assert not actions_BK[1].any()
    assert (keep_BK[1] == DISCARD_LOGIT).all()
    assert not embedding_BH[1].any()
    assert torch.isfinite(value_B).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@every_architecture
@pytest.mark.parametrize("shown", ["decision", "kept"])
def test_the_context_reaches_every_logit(name: str, shown: str) -> None:
    network, seen = controller(name), observation(padded=False)
    actions_BK = actions(0, seen)

    one_BK, _ = network(seen, actions_BK)
    other_BK, _ = network(seen | {shown: seen[shown].roll(1, dims=1)}, actions_BK)

    assert ((one_BK - other_BK).abs() > 1e-6).all()


@every_architecture
def test_a_controller_that_is_not_to_know_the_decision_looks_away(name: str) -> None:
    network = controller(name, problem=small_problem(context=("kept_share", "kept_mean")))
    seen = observation()
    actions_BK = actions(0, seen)

    one_BK, one_BH = network(seen, actions_BK)
    other_BK, other_BH = network(seen | {"decision": seen["decision"].roll(1, dims=1)}, actions_BK)

    assert torch.equal(one_BK, other_BK)
    assert torch.equal(one_BH, other_BH)


@every_architecture
@with_and_without_positions
def test_every_probability_starts_near_one_half(name: str, positions: str) -> None:
    seen = observation()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_controller(CONFIGS[name](positions=positions), small_problem())

    keep_BK, _ = network(seen, actions(0, seen))

    assert keep_BK[seen["valid"] == 1].abs().max() < 0.5


@every_architecture
def test_a_keep_logit_is_the_logit_of_keep_less_that_of_discard(name: str) -> None:
    network, seen = controller(name), observation(padded=False)
    with torch.no_grad():
        network.policy_head.weight.zero_()
        network.policy_head.bias.copy_(torch.tensor([0.5, 2.0]))

    keep_BK, _ = network(seen, actions(0, seen))

    assert keep_BK.flatten().tolist() == pytest.approx([1.5] * keep_BK.numel())


@pytest.mark.parametrize("name", CONFIGS)
def test_only_the_grus_are_sequential(name: str) -> None:
    assert controller(name).is_sequential == (name in SEQUENTIAL)
