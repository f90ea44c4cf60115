"""The paper's controller, and the MLP: who sees whom, and in what order."""

import math
from typing import Any

import pytest
import torch
from small_controllers import actions, close, controller, observation

from rlsel.controllers.config import TransformerConfig
from rlsel.controllers.controller import sinusoidal_positions
from rlsel.controllers.transformer import TransformerEncoder


@pytest.mark.parametrize("name", ["transformer", "mlp"])
@pytest.mark.parametrize("positions", ["sinusoidal", "none"])
def test_only_without_positions_does_a_permutation_permute_the_logits(
    name: str, positions: str
) -> None:
    network, seen = controller(name, positions), observation(places=11)
    order_K = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    moved = {key: seen[key][:, order_K] for key in ("candidates", "labels", "valid")}

    keep_BK, embedding_BH = network(seen)
    moved_BK, moved_BH = network(seen | moved)

    equivariant = torch.allclose(moved_BK, keep_BK[:, order_K], rtol=1e-4, atol=1e-5)
    assert equivariant == (positions == "none")
    assert torch.allclose(moved_BH, embedding_BH, rtol=1e-4, atol=1e-5) == (positions == "none")


@pytest.mark.parametrize("name", ["transformer", "mlp"])
def test_what_was_decided_is_none_of_its_business(name: str) -> None:
    network, seen = controller(name), observation()

    keep_BK, _ = network(seen)

    assert torch.equal(network(seen, actions(0, seen))[0], keep_BK)


def test_a_candidate_of_the_transformer_is_judged_in_view_of_all_others() -> None:
    network, seen = controller("transformer"), observation(padded=False)
    before_BK, _ = network(seen)

    seen["candidates"][:, 10] += 1
    after_BK, _ = network(seen)

    assert ((after_BK - before_BK).abs() > 1e-6).all()


def test_a_candidate_of_the_mlp_is_judged_by_itself() -> None:
    network, seen = controller("mlp"), observation(padded=False)
    before_BK, _ = network(seen)

    seen["candidates"][:, 10] += 1
    seen["valid"][:, 7] = 0
    after_BK, _ = network(seen)

    same_BK = after_BK == before_BK
    assert [k for k in range(11) if not same_BK[:, k].any()] == [7, 10]
    assert same_BK.sum() == 9 * len(same_BK)


def test_equal_candidates_of_the_mlp_get_equal_logits() -> None:
    network, seen = controller("mlp"), observation(padded=False)
    seen["candidates"][:, 3] = seen["candidates"][:, 9]

    keep_BK, _ = network(seen)

    close(keep_BK[:, 3], keep_BK[:, 9])


def test_positions_are_those_of_vaswani_and_others() -> None:
    positions_KH = sinusoidal_positions(13, 6)

    for place in range(13):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert positions_KH[place, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-5)
            assert positions_KH[place, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_attention_is_that_of_the_equations() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = TransformerEncoder(16, num_layers=1, num_heads=2)
    layer: Any = encoder.layers[0]
    h_BKH = torch.randn((2, 5, 16), generator=torch.Generator().manual_seed(1))
    valid_BK = torch.tensor([[True] * 5, [True, False, True, True, False]])

    with torch.no_grad():
        computed_BKH = encoder(h_BKH, valid_BK)
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

    close(computed_BKH, expected_BKH)


@pytest.mark.parametrize("num_heads", [3, 5])
def test_heads_that_do_not_divide_the_width_are_refused(num_heads: int) -> None:
    with pytest.raises(ValueError, match="must divide hidden_size, 64"):
        TransformerConfig(num_heads=num_heads)
    with pytest.raises(ValueError, match="hidden_size 64 is no multiple"):
        TransformerEncoder(64, num_layers=1, num_heads=num_heads)


@pytest.mark.parametrize(
    ("name", "settings", "shapes"),
    [
        (
            "transformer",
            {"num_layers": 3, "num_heads": 3},
            {"layers.2.query_key_value.weight": (18, 6), "layers.0.feedforward.1.weight": (12, 6)},
        ),
        ("mlp", {"num_layers": 3}, {"layers.2.1.weight": (12, 6)}),
        ("gru", {"num_layers": 3}, {"gru.weight_hh_l2": (18, 6)}),
        (
            "gru_attention",
            {"num_layers": 3},
            {"gru.weight_hh_l2": (18, 6), "combine.weight": (6, 12)},
        ),
    ],
)
def test_a_config_builds_the_network_it_describes(
    name: str, settings: dict[str, Any], shapes: dict[str, tuple[int, ...]]
) -> None:
    network = controller(name, hidden_size=6, **settings)

    found = {key: tuple(value.shape) for key, value in network.encoder.state_dict().items()}
    assert {key: found[key] for key in shapes} == shapes
    # The phantom shows 3 numbers of a candidate, and 5 + 2 + 3 of the state.
    assert network.embed_candidate.weight.shape == (6, 3)
    assert network.embed_context.weight.shape == (6, 10)
