"""The paper's encoder: every candidate of a batch attends to all others.

Shape letters: B decisions, K candidates per decision, H hidden size, A attention heads, E = H / A.

Source: Ye et al. 2020, section 2.1. Departures: layers normalise first, so that training needs no
warm-up. There is no dropout, since rollouts and updates must give the same probabilities.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn


class TransformerEncoder(nn.Module):
    """Layers of self-attention; without positions the order of the candidates does not matter."""

    def __init__(self, hidden_size: int, num_layers: int, num_heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(hidden_size, num_heads) for _ in range(num_layers))

    def forward(
        self, h_BKH: Float[Tensor, "b k h"], valid_BK: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b k h"]:
        for layer in self.layers:
            h_BKH = layer(h_BKH, valid_BK)
        return h_BKH


class EncoderLayer(nn.Module):
    """Multi-head self-attention (Eq. 1 and 2), then a ReLU feed-forward layer (Eq. 3)."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} is no multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.combine_heads = nn.Linear(hidden_size, hidden_size)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, 2 * hidden_size),
            nn.ReLU(),
            nn.Linear(2 * hidden_size, hidden_size),
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
        # A row without candidates attends to everything: attention to nothing would be NaN.
        seen_BK = valid_BK | ~valid_BK.any(1, keepdim=True)
        attended_BAKE = nn.functional.scaled_dot_product_attention(
            *heads_3BAKE.unbind(0), attn_mask=seen_BK[:, None, None, :]
        )
        attended_BKH = attended_BAKE.transpose(1, 2).reshape(batch, places, hidden)
        h_BKH = h_BKH + self.combine_heads(attended_BKH)
        return h_BKH + self.feedforward(h_BKH)
