"""The paper's controller: a transformer encoder over the candidates of one batch.

Shape letters: B decisions, K candidates per decision, F descriptors of a candidate, G context
numbers, H hidden size, A attention heads, E = H / A.

Source: Ye et al. 2020, section 2.1. Departures: layers normalise before they compute, which trains
without warm-up; no dropout, since rollouts and updates must give the same probabilities.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Positions = Literal["sinusoidal", "none"]

DISCARD_LOGIT = -1e9
"""Logit of padding: never kept. Finite, so that KL and gradients stay finite."""


class TransformerController(nn.Module):
    """Keep logits for all candidates of a batch at once, and the value of the state."""

    def __init__(
        self,
        num_inputs: int,
        num_context: int,
        hidden_size: int = 64,
        feedforward_size: int = 128,
        num_layers: int = 2,
        num_heads: int = 2,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__()
        self.positions = positions
        self.embed_candidate = nn.Linear(num_inputs, hidden_size)
        self.embed_context = nn.Linear(num_context, hidden_size)
        self.layers = nn.ModuleList(
            EncoderLayer(hidden_size, feedforward_size, num_heads) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        # Two logits a candidate, discard and keep: the paper's N x 2 actions.
        self.policy_head = nn.Linear(hidden_size, 2)
        self.value_head = nn.Linear(hidden_size, 1)
        nn.init.normal_(self.policy_head.weight, std=0.01)  # so every p(keep) starts near 1/2
        nn.init.zeros_(self.policy_head.bias)

    def forward(
        self,
        candidates_BKF: Float[Tensor, "b k f"],
        valid_BK: Bool[Tensor, "b k"],
        context_BG: Float[Tensor, "b g"],
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b h"]]:
        """Keep logits, log p(keep) - log p(discard), and an embedding of the state for `value`."""
        h_BKH = self.embed_candidate(candidates_BKF)
        h_BKH = h_BKH + self.embed_context(context_BG)[:, None]
        if self.positions == "sinusoidal":
            h_BKH = h_BKH + sinusoidal_positions(h_BKH.shape[1], h_BKH.shape[2]).to(h_BKH)
        for layer in self.layers:
            h_BKH = layer(h_BKH, valid_BK)
        h_BKH = self.norm(h_BKH)
        logits_BK2 = self.policy_head(h_BKH)
        keep_BK = logits_BK2[..., 1] - logits_BK2[..., 0]
        weight_BK1 = valid_BK[..., None].to(h_BKH)
        pooled_BH = (h_BKH * weight_BK1).sum(1) / weight_BK1.sum(1).clamp(min=1)
        return keep_BK.masked_fill(~valid_BK, DISCARD_LOGIT), pooled_BH

    def value(self, embedding_BH: Float[Tensor, "b h"]) -> Float[Tensor, " b"]:
        """Expected reward of the state that `forward` embedded."""
        return self.value_head(embedding_BH).squeeze(-1)


class EncoderLayer(nn.Module):
    """Multi-head self-attention (Eq. 1 and 2), then a ReLU feed-forward layer (Eq. 3)."""

    def __init__(self, hidden_size: int, feedforward_size: int, num_heads: int) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} is no multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.combine_heads = nn.Linear(hidden_size, hidden_size)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, feedforward_size),
            nn.ReLU(),
            nn.Linear(feedforward_size, hidden_size),
        )

    def forward(
        self, h_BKH: Float[Tensor, "b k h"], valid_BK: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b k h"]:
        batch, places, hidden = h_BKH.shape
        heads_3BAKE = (
            self.query_key_value(self.attention_norm(h_BKH))
            .view(batch, places, 3, self.num_heads, hidden // self.num_heads)
            .permute(2, 0, 3, 1, 4)
        )
        # A row without any candidate attends to everything rather than to nothing, which is NaN.
        seen_BK = valid_BK | ~valid_BK.any(1, keepdim=True)
        attended_BAKE = nn.functional.scaled_dot_product_attention(
            *heads_3BAKE.unbind(0), attn_mask=seen_BK[:, None, None, :]
        )
        attended_BKH = attended_BAKE.transpose(1, 2).reshape(batch, places, hidden)
        h_BKH = h_BKH + self.combine_heads(attended_BKH)
        return h_BKH + self.feedforward(h_BKH)


def sinusoidal_positions(num_places: int, hidden_size: int) -> Float[Tensor, "k h"]:
    """sin and cos of the place at wavelengths from 2 pi to 10000 * 2 pi (Vaswani et al. 2017)."""
    place_K1 = torch.arange(num_places, dtype=torch.float32)[:, None]
    rate_E = 10000.0 ** (-torch.arange(0, hidden_size, 2, dtype=torch.float32) / hidden_size)
    angle_KE = place_K1 * rate_E
    return torch.stack((angle_KE.sin(), angle_KE.cos()), dim=-1).flatten(1)
