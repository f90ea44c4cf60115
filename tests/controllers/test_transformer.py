"""The paper's controller: padding is invisible, order matters only through positions."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rlsel.controllers import ControllerConfig, TransformerController, build_controller
from rlsel.controllers.transformer import DISCARD_LOGIT, sinusoidal_positions

B, K, F, G = 3, 11, 5, 7


def controller(**settings) -> TransformerController:
    """With a policy head large enough that all candidates get logits of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = TransformerController(F, G, hidden_size=16, feedforward_size=13, **settings)
        torch.nn.init.normal_(built.policy_head.weight)
    return built.eval()


def inputs(seed: int = 0, places: int = K) -> tuple[Tensor, Tensor, Tensor]:
    """All places hold candidates."""
    generator = torch.Generator().manual_seed(seed)
    candidates_BKF = torch.randn((B, places, F), generator=generator)
    context_BG = torch.randn((B, G), generator=generator)
    return candidates_BKF, torch.ones((B, places), dtype=torch.bool), context_BG


@pytest.mark.parametrize("positions", ["sinusoidal", "none"])
def test_padding_changes_nothing_for_the_others(positions: str) -> None:
    network = controller(positions=positions)
    candidates_BKF, valid_BK, context_BG = inputs()
    # Four more places, with rubbish on them.
    wide_BKF = torch.cat((candidates_BKF, torch.full((B, 4, F), 1e3)), dim=1)
    wide_valid_BK = torch.cat((valid_BK, torch.zeros((B, 4), dtype=torch.bool)), dim=1)

    keep_BK, embedding_BH = network(candidates_BKF, valid_BK, context_BG)
    wide_keep_BK, wide_embedding_BH = network(wide_BKF, wide_valid_BK, context_BG)

    torch.testing.assert_close(wide_keep_BK[:, :K], keep_BK, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(wide_embedding_BH, embedding_BH, rtol=1e-4, atol=1e-5)
    assert (wide_keep_BK[:, K:] == DISCARD_LOGIT).all()


@pytest.mark.parametrize("positions", ["sinusoidal", "none"])
def test_only_without_positions_does_a_permutation_permute_the_logits(positions: str) -> None:
    network = controller(positions=positions)
    candidates_BKF, valid_BK, context_BG = inputs()
    valid_BK[1, 4] = False
    order_K = torch.randperm(K, generator=torch.Generator().manual_seed(1))

    keep_BK, embedding_BH = network(candidates_BKF, valid_BK, context_BG)
    moved_BK, moved_BH = network(candidates_BKF[:, order_K], valid_BK[:, order_K], context_BG)

    equivariant = torch.allclose(moved_BK, keep_BK[:, order_K], rtol=1e-4, atol=1e-5)
    assert equivariant == (positions == "none")
    assert torch.allclose(moved_BH, embedding_BH, rtol=1e-4, atol=1e-5) == (positions == "none")


def test_a_candidate_is_judged_in_view_of_all_others() -> None:
    network = controller()
    candidates_BKF, valid_BK, context_BG = inputs()
    before_BK, _ = network(candidates_BKF, valid_BK, context_BG)

    candidates_BKF[:, 10] += 1
    after_BK, _ = network(candidates_BKF, valid_BK, context_BG)

    assert ((after_BK - before_BK).abs() > 1e-6).all()


def test_the_context_reaches_every_logit() -> None:
    network = controller()
    candidates_BKF, valid_BK, context_BG = inputs()

    one_BK, _ = network(candidates_BKF, valid_BK, context_BG)
    other_BK, _ = network(candidates_BKF, valid_BK, context_BG + 1)

    assert ((one_BK - other_BK).abs() > 1e-6).all()


def test_rows_of_a_batch_do_not_see_each_other() -> None:
    network = controller()
    candidates_BKF, valid_BK, context_BG = inputs()
    whole_BK, _ = network(candidates_BKF, valid_BK, context_BG)

    alone_BK, _ = network(candidates_BKF[1:2], valid_BK[1:2], context_BG[1:2])

    torch.testing.assert_close(alone_BK[0], whole_BK[1], rtol=1e-4, atol=1e-5)


def test_a_row_of_nothing_but_padding_is_finite_and_so_are_its_gradients() -> None:
    network = controller()
    candidates_BKF, valid_BK, context_BG = inputs()
    valid_BK[1] = False

    keep_BK, embedding_BH = network(candidates_BKF, valid_BK, context_BG)
    value_B = network.value(embedding_BH)
    (torch.sigmoid(keep_BK).sum() + value_B.sum()).backward()

    assert (keep_BK[1] == DISCARD_LOGIT).all()
    assert not embedding_BH[1].any()
    assert torch.isfinite(value_B).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_every_probability_starts_near_one_half() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_controller(ControllerConfig(), F, G)

    keep_BK, _ = network(*inputs())

    assert keep_BK.abs().max() < 0.5


def test_a_keep_logit_is_the_logit_of_keep_less_that_of_discard() -> None:
    network = controller()
    with torch.no_grad():
        network.policy_head.weight.zero_()
        network.policy_head.bias.copy_(torch.tensor([0.5, 2.0]))

    keep_BK, _ = network(*inputs())

    assert keep_BK.flatten().tolist() == pytest.approx([1.5] * (B * K))


def test_there_is_one_value_a_decision() -> None:
    network = controller()

    keep_BK, embedding_BH = network(*inputs())

    assert keep_BK.shape == (B, K)
    assert network.value(embedding_BH).shape == (B,)


def test_every_parameter_learns() -> None:
    network = controller()

    keep_BK, embedding_BH = network(*inputs())
    (keep_BK.square().sum() + network.value(embedding_BH).square().sum()).backward()

    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert still == []


def test_positions_are_those_of_vaswani_and_others() -> None:
    positions_KH = sinusoidal_positions(13, 6)

    for place in range(13):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert positions_KH[place, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-5)
            assert positions_KH[place, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_attention_is_that_of_the_equations() -> None:
    network = controller(num_layers=1, num_heads=2)
    layer: Any = network.layers[0]
    h_BKH = torch.randn((2, 5, 16), generator=torch.Generator().manual_seed(1))
    valid_BK = torch.tensor([[True] * 5, [True, False, True, True, False]])

    with torch.no_grad():
        computed_BKH = layer(h_BKH, valid_BK)
        query, key, value = layer.query_key_value(layer.attention_norm(h_BKH)).chunk(3, dim=-1)
        attended_BKH = torch.zeros_like(h_BKH)
        for b in range(2):
            seen = valid_BK[b]
            for head in (slice(0, 8), slice(8, 16)):
                # Eq. 1: softmax of Q K^T / sqrt(d_k), and V outside of it.
                scores_KJ = query[b][:, head] @ key[b][seen][:, head].T / math.sqrt(8)
                attended_BKH[b][:, head] = scores_KJ.softmax(-1) @ value[b][seen][:, head]
        expected_BKH = h_BKH + layer.combine_heads(attended_BKH)
        expected_BKH = expected_BKH + layer.feedforward(expected_BKH)

    torch.testing.assert_close(computed_BKH, expected_BKH, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_heads", [3, 5])
def test_heads_that_do_not_divide_the_width_are_refused(num_heads: int) -> None:
    with pytest.raises(ValueError, match="must divide hidden_size, 64"):
        ControllerConfig(num_heads=num_heads)
    with pytest.raises(ValueError, match="hidden_size 64 is no multiple"):
        TransformerController(F, G, hidden_size=64, num_heads=num_heads)


def test_a_config_builds_the_network_it_describes() -> None:
    config = ControllerConfig(
        hidden_size=6, feedforward_size=13, num_layers=3, num_heads=3, positions="none"
    )

    network = build_controller(config, F, G)

    assert isinstance(network, TransformerController)
    assert network.positions == "none"
    assert [layer.num_heads for layer in network.layers] == [3, 3, 3]
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes["layers.0.feedforward.1.weight"] == (13, 6)
    assert network.embed_candidate.weight.shape == (6, F)
