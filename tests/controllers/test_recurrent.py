"""The GRUs decide in order: nothing of what comes later is known, all that came before is."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_controllers import POSITIONS, SEQUENTIAL, actions, close, controller, observation
from torch import Tensor

from rlsel.controllers import controller as controller_file
from rlsel.controllers.recurrent import GRUEncoder

K = 11
every_gru = pytest.mark.parametrize("name", SEQUENTIAL)
with_and_without_positions = pytest.mark.parametrize("positions", POSITIONS)
any_place = given(place=st.integers(0, K - 1), seed=st.integers(0, 2**31))
few = settings(max_examples=15, deadline=None, derandomize=True)


@every_gru
@with_and_without_positions
@any_place
@few
def test_a_candidate_is_seen_from_its_place_on_and_never_before(
    name: str, positions: str, place: int, seed: int
) -> None:
    network, seen = controller(name, positions), observation(seed, padded=False)
    actions_BK = actions(seed, seen)
    other_BKF = seen["candidates"].clone()
    other_BKF[:, place] += 1

    before_BK, _ = network(seen, actions_BK)
    after_BK, _ = network(seen | {"candidates": other_BKF}, actions_BK)

    assert torch.equal(after_BK[:, :place], before_BK[:, :place])
    assert ((after_BK - before_BK)[:, place:] != 0).any(0).all()


@every_gru
@with_and_without_positions
@any_place
@few
def test_a_decision_is_known_after_its_place_and_never_before(
    name: str, positions: str, place: int, seed: int
) -> None:
    network, seen = controller(name, positions), observation(seed, padded=False)
    actions_BK = actions(seed, seen)
    other_BK = actions_BK.clone()
    other_BK[:, place] = 1 - other_BK[:, place]

    before_BK, _ = network(seen, actions_BK)
    after_BK, _ = network(seen, other_BK)

    assert torch.equal(after_BK[:, : place + 1], before_BK[:, : place + 1])
    assert ((after_BK - before_BK)[:, place + 1 :] != 0).any(0).all()


@every_gru
@with_and_without_positions
@given(seed=st.integers(0, 2**31))
@few
def test_decisions_are_drawn_step_by_step_from_the_logits_that_training_sees(
    name: str, positions: str, seed: int
) -> None:
    network, seen = controller(name, positions), observation(seed, rows=5)
    drawn: list[Tensor] = []
    draw = controller_file._draw

    def remember(logits_B: Tensor, generator: Any) -> Tensor:
        drawn.append(logits_B)
        return draw(logits_B, generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controller_file, "_draw", remember)
        actions_BK, keep_BK = network.sample(seen, torch.Generator().manual_seed(seed))

    for b in range(5):
        real_K = seen["valid"][b] == 1
        stepped_K = torch.tensor([logits_B[b] for logits_B in drawn])[: real_K.sum()]
        close(stepped_K, keep_BK[b][real_K])
        close(stepped_K, network(seen, actions_BK)[0][b][real_K])


@every_gru
@pytest.mark.parametrize("num_layers", [1, 3])
def test_one_step_at_a_time_is_the_whole_way_at_once(name: str, num_layers: int) -> None:
    network = controller(name, num_layers=num_layers)
    encoder: Any = network.encoder
    h_BKH = torch.randn((2, 7, 8), generator=torch.Generator().manual_seed(0))
    actions_BK = torch.tensor([[0, 1, 1, 0, 1, 0, 0], [1, 1, 0, 0, 0, 1, 1]])

    whole_BKH = encoder(h_BKH, torch.ones((2, 7), dtype=torch.bool), actions_BK)

    state, before_B = encoder.start(2, 7), torch.zeros(2, dtype=torch.int64)
    for place in range(7):
        out_BH, state = encoder.step(h_BKH[:, place], before_B, place, state)
        close(out_BH, whole_BKH[:, place])
        before_B = 1 + actions_BK[:, place]


def test_attention_is_over_all_that_was_put_out_so_far() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = GRUEncoder(8, num_layers=1, has_attention=True)
    h_KH = torch.randn((5, 8), generator=torch.Generator().manual_seed(0))
    actions_1K = torch.tensor([[1, 0, 0, 1, 1]])
    assert encoder.combine

    with torch.no_grad():
        computed_1KH = encoder(h_KH[None], torch.ones((1, 5), dtype=torch.bool), actions_1K)
        before_K = torch.tensor([0, 2, 1, 1, 2])  # nothing before, kept, discarded, ...
        out_KH, _ = encoder.gru(h_KH + encoder.embed_decision(before_K))
        for place in range(5):
            past_JH = out_KH[: place + 1]
            weights_J = torch.softmax(past_JH @ out_KH[place] / 8**0.5, dim=0)
            expected_H = encoder.combine(torch.cat((out_KH[place], weights_J @ past_JH))).tanh()
            close(computed_1KH[0, place], expected_H)


@every_gru
def test_the_order_of_the_candidates_matters(name: str) -> None:
    network, seen = controller(name), observation(padded=False)
    actions_BK = torch.zeros((3, K), dtype=torch.int8)

    keep_BK, _ = network(seen, actions_BK)
    reversed_BK, _ = network(seen | {"candidates": seen["candidates"].flip(1)}, actions_BK)

    assert not torch.allclose(reversed_BK.flip(1), keep_BK, rtol=1e-4, atol=1e-5)


@every_gru
def test_training_without_the_decisions_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs the decisions it made"):
        controller(name)(observation())
