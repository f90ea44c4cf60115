"""A feed-forward network that looks at each candidate alone, as in DVRL.

Source: Yoon et al. 2020, "Data Valuation using Reinforcement Learning". Departure: the layers are
residual and normalise first, so that this network and the transformer differ in attention alone.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn


class MLPEncoder(nn.Module):
    """Residual layers, applied to each candidate alone."""

    def __init__(self, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden_size),
                nn.Linear(hidden_size, 2 * hidden_size),
                nn.ReLU(),
                nn.Linear(2 * hidden_size, hidden_size),
            )
            for _ in range(num_layers)
        )

    def forward(
        self, h_BKH: Float[Tensor, "b k h"], valid_BK: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b k h"]:
        for layer in self.layers:
            h_BKH = h_BKH + layer(h_BKH)
        return h_BKH
