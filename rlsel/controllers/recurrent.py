"""A GRU that decides candidate by candidate, in their order, and sees its earlier decisions.

Shape letters: B decisions, K candidates per decision, H hidden size, L layers.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

State = tuple[Float[Tensor, "l b h"], Float[Tensor, "b k h"]]
"""Hidden state of the GRU, and its outputs so far."""


class GRUEncoder(nn.Module):
    """A GRU over the candidates, optionally with attention to its earlier outputs.

    Source: the GRU and GRU-attention controllers in the ablation of Ye et al. 2020, which gives no
    details. Feeding back the earlier decisions is our choice.
    """

    def __init__(self, hidden_size: int, num_layers: int, has_attention: bool) -> None:
        super().__init__()
        # Three kinds of earlier decision: none, discarded, kept.
        self.embed_decision = nn.Embedding(3, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, num_layers, batch_first=True)
        self.combine = nn.Linear(2 * hidden_size, hidden_size) if has_attention else None

    def forward(
        self,
        h_BKH: Float[Tensor, "b k h"],
        valid_BK: Bool[Tensor, "b k"],
        actions_BK: Int[Tensor, "b k"],
    ) -> Float[Tensor, "b k h"]:
        """Encodings of all candidates, given the decisions on those before each."""
        # Padding is moved to the end, where it affects no candidate, and afterwards moved back.
        order_BK = (~valid_BK).to(torch.uint8).argsort(dim=1, stable=True)
        index_BKH = order_BK[..., None].expand_as(h_BKH)
        said_BK = actions_BK.long().gather(1, order_BK) + 1
        before_BK = torch.cat((torch.zeros_like(said_BK[:, :1]), said_BK[:, :-1]), dim=1)
        inputs_BKH = h_BKH.gather(1, index_BKH) + self.embed_decision(before_BK)
        out_BKH, _ = self.gru(inputs_BKH)
        if self.combine:
            attended_BKH = nn.functional.scaled_dot_product_attention(
                out_BKH, out_BKH, out_BKH, is_causal=True
            )
            out_BKH = torch.tanh(self.combine(torch.cat((out_BKH, attended_BKH), dim=-1)))
        return torch.empty_like(out_BKH).scatter(1, index_BKH, out_BKH)

    def start(self, num_decisions: int, num_places: int) -> State:
        """The state before the first candidate."""
        weight = self.embed_decision.weight
        size = weight.shape[1]
        return (
            weight.new_zeros(self.gru.num_layers, num_decisions, size),
            weight.new_zeros(num_decisions, num_places, size),
        )

    def step(
        self, h_BH: Float[Tensor, "b h"], before_B: Int[Tensor, " b"], place: int, state: State
    ) -> tuple[Float[Tensor, "b h"], State]:
        """One step of `forward`, for the candidate at `place`, which must not be padding.

        Args:
            before_B: 0 before the first decision, afterwards 1 + the last decision.
        """
        hidden_LBH, said_BKH = state
        inputs_B1H = (h_BH + self.embed_decision(before_B))[:, None]
        out_B1H, hidden_LBH = self.gru(inputs_B1H, hidden_LBH)
        if self.combine:
            said_BKH[:, place] = out_B1H[:, 0]
            past_BKH = said_BKH[:, : place + 1]
            attended_B1H = nn.functional.scaled_dot_product_attention(out_B1H, past_BKH, past_BKH)
            out_B1H = torch.tanh(self.combine(torch.cat((out_B1H, attended_B1H), dim=-1)))
        return out_B1H[:, 0], (hidden_LBH, said_BKH)
