"""`Controller`: embeds a batch of candidates, encodes it, and gives keep logits and a value.

Shape letters: B decisions, K candidates per decision, F descriptors of a candidate, G context
numbers, H hidden size, D decisions of an episode.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor, nn

from rlsel.controllers.keep_range import KeepRange
from rlsel.controllers.recurrent import GRUEncoder

Positions = Literal["sinusoidal", "none"]
Observation = Mapping[str, Tensor]
"""The environment's observations, stacked: candidates, labels, valid, decision, kept."""

DISCARD_LOGIT = -1e9
"""Keep logit of padding, which is never kept. Finite, so that KL and gradients are finite."""


class Controller(nn.Module):
    """Keep logits for the candidates of a batch, and the value of the state."""

    def __init__(
        self,
        encoder: nn.Module,
        num_inputs: int,
        num_context: int,
        hidden_size: int,
        positions: Positions,
        sees_decision: bool = True,
        keep_range: KeepRange | None = None,
    ) -> None:
        """Put a controller together.

        Args:
            encoder: (B, K, H) and a mask of real candidates -> (B, K, H). A `GRUEncoder` also gets
                the earlier decisions.
            num_context: How many numbers describe the state: the decision, and what was kept.
            sees_decision: Whether it sees the number of the decision.
            keep_range: Keeps the kept share of every class within a range. This is impossible with
                a `GRUEncoder`, which would have to know the later candidates.
        """
        super().__init__()
        self.encoder, self.positions = encoder, positions
        self.sees_decision, self.keep_range = sees_decision, keep_range
        self.embed_candidate = nn.Linear(num_inputs, hidden_size)
        self.embed_context = nn.Linear(num_context, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        # Two logits for each candidate, discard and keep: the paper's N x 2 actions.
        self.policy_head = nn.Linear(hidden_size, 2)
        self.value_head = nn.Linear(hidden_size, 1)
        nn.init.normal_(self.policy_head.weight, std=0.01)  # so every p(keep) starts near 1/2
        nn.init.zeros_(self.policy_head.bias)

    @property
    def is_sequential(self) -> bool:
        """Whether a decision depends on the decisions on earlier candidates of the batch."""
        return isinstance(self.encoder, GRUEncoder)

    def forward(
        self, observation: Observation, actions_BK: Tensor | None = None
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b h"]]:
        """Keep logits, log p(keep) - log p(discard), and an embedding of the state for `value`.

        Args:
            actions_BK: The decisions taken, 1 for keep. A sequential controller gives the logit of
                each candidate after the decisions on those before it. Other controllers ignore it.
        """
        valid_BK = observation["valid"] > 0
        h_BKH = self._embed(observation)
        if isinstance(self.encoder, GRUEncoder):
            if actions_BK is None:
                raise ValueError("a sequential controller needs the decisions it made: sample()")
            encoded_BKH = self.encoder(h_BKH, valid_BK, actions_BK)
            # The value of a state must not depend on the decisions taken in it.
            pooled_BH = self._pool(h_BKH, valid_BK)
        else:
            encoded_BKH = self.encoder(h_BKH, valid_BK)
            pooled_BH = self._pool(encoded_BKH, valid_BK)
        keep_BK = self._keep_logits(encoded_BKH)
        if self.keep_range:
            keep_BK = self.keep_range(keep_BK, observation["labels"].long(), valid_BK)
        return keep_BK.masked_fill(~valid_BK, DISCARD_LOGIT), pooled_BH

    def value(self, embedding_BH: Float[Tensor, "b h"]) -> Float[Tensor, " b"]:
        """Expected reward of a state that `forward` has embedded."""
        return self.value_head(embedding_BH).squeeze(-1)

    @torch.no_grad()
    def sample(
        self, observation: Observation, generator: torch.Generator | None = None
    ) -> tuple[Int8[Tensor, "b k"], Float[Tensor, "b k"]]:
        """Sampled decisions, and the keep logits that they were drawn from."""
        if not isinstance(self.encoder, GRUEncoder):
            keep_BK, _ = self(observation)
            return _draw(keep_BK, generator), keep_BK
        valid_BK, h_BKH = observation["valid"] > 0, self._embed(observation)
        actions_BK = torch.zeros_like(valid_BK, dtype=torch.int8)
        # Places of the candidates in their order, padding last.
        order_BK = (~valid_BK).to(torch.uint8).argsort(dim=1, stable=True)
        rows_B = torch.arange(len(valid_BK), device=valid_BK.device)
        state = self.encoder.start(*valid_BK.shape)
        before_B = torch.zeros_like(rows_B)
        for step in range(int(valid_BK.sum(1).amax())):
            place_B = order_BK[:, step]
            out_BH, state = self.encoder.step(h_BKH[rows_B, place_B], before_B, step, state)
            said_B = _draw(self._keep_logits(out_BH), generator)
            actions_BK[rows_B, place_B] = said_B * valid_BK[rows_B, place_B]
            before_B = said_B.long() + 1
        # Logits come from the same pass that updates use, so old and new ones compare exactly.
        return actions_BK, self(observation, actions_BK)[0]

    def _embed(self, observation: Observation) -> Float[Tensor, "b k h"]:
        decision_BD = observation["decision"] * float(self.sees_decision)
        context_BG = torch.cat((decision_BD, observation["kept"]), dim=-1)
        h_BKH = self.embed_candidate(observation["candidates"])
        h_BKH = h_BKH + self.embed_context(context_BG)[:, None]
        if self.positions == "sinusoidal":
            h_BKH = h_BKH + sinusoidal_positions(h_BKH.shape[1], h_BKH.shape[2]).to(h_BKH)
        return h_BKH

    def _keep_logits(self, encoded: Float[Tensor, "*b h"]) -> Float[Tensor, "*b"]:
        logits = self.policy_head(self.norm(encoded))
        return logits[..., 1] - logits[..., 0]

    def _pool(
        self, h_BKH: Float[Tensor, "b k h"], valid_BK: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b h"]:
        weight_BK1 = valid_BK[..., None].to(h_BKH)
        return (self.norm(h_BKH) * weight_BK1).sum(1) / weight_BK1.sum(1).clamp(min=1)


def _draw(logits: Tensor, generator: Any) -> Tensor:
    return torch.bernoulli(torch.sigmoid(logits), generator=generator).to(torch.int8)


def sinusoidal_positions(num_places: int, hidden_size: int) -> Float[Tensor, "k h"]:
    """sin and cos of the place at wavelengths from 2 pi to 10000 * 2 pi (Vaswani et al. 2017)."""
    place_K1 = torch.arange(num_places, dtype=torch.float32)[:, None]
    rate_E = 10000.0 ** (-torch.arange(0, hidden_size, 2, dtype=torch.float32) / hidden_size)
    angle_KE = place_K1 * rate_E
    return torch.stack((angle_KE.sin(), angle_KE.cos()), dim=-1).flatten(1)
