"""Settings of the controllers, and the function that builds one."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from envs import SelectionProblem
from rlsel.controllers.controller import Controller, Positions
from rlsel.controllers.keep_range import KeepRange
from rlsel.controllers.mlp import MLPEncoder
from rlsel.controllers.recurrent import GRUEncoder
from rlsel.controllers.transformer import TransformerEncoder
from rlsel.schema import config

Size = Annotated[int, Field(ge=1)]
EvenSize = Annotated[int, Field(ge=2, multiple_of=2)]
KeepRanges = tuple[tuple[float, float], ...]
"""(least, greatest) share to keep of each class."""


@config
class TransformerConfig:
    """Self-attention among all candidates of a batch (paper: 2 layers, 2 heads, sinusoidal)."""

    name: Literal["transformer"] = "transformer"
    """The architecture."""
    hidden_size: EvenSize = 64
    """Width of a token, and half of the width inside the feed-forward layers; the paper gives
    neither."""
    num_layers: Size = 2
    """Encoder layers."""
    num_heads: Size = 2
    """Attention heads; they must divide `hidden_size`."""
    positions: Positions = "sinusoidal"
    """Encodes the place in the sorted batch; `none` makes the network permutation-equivariant."""

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"num_heads is {self.num_heads}; it must divide hidden_size, {self.hidden_size}"
            )

    def build_encoder(self) -> nn.Module:
        return TransformerEncoder(self.hidden_size, self.num_layers, self.num_heads)


@config
class GRUConfig:
    """A GRU that decides candidate by candidate and sees its earlier decisions."""

    name: Literal["gru", "gru_attention"] = "gru"
    """The architecture; `gru_attention` attends to its earlier outputs as well."""
    hidden_size: EvenSize = 64
    """Width of the state."""
    num_layers: Size = 1
    """Stacked GRUs."""
    positions: Positions = "none"
    """Encodes the place in the sorted batch; a GRU sees the order anyway."""

    def build_encoder(self) -> nn.Module:
        has_attention = self.name == "gru_attention"
        return GRUEncoder(self.hidden_size, self.num_layers, has_attention)


@config
class MLPConfig:
    """A network that looks at each candidate alone, as in DVRL."""

    name: Literal["mlp"] = "mlp"
    """The architecture."""
    hidden_size: EvenSize = 64
    """Width between layers, and half of the width inside them."""
    num_layers: Size = 2
    """Residual layers."""
    positions: Positions = "none"
    """Encodes the place in the sorted batch; with `none` it is not shown."""

    def build_encoder(self) -> nn.Module:
        return MLPEncoder(self.hidden_size, self.num_layers)


ControllerConfig = Annotated[TransformerConfig | GRUConfig | MLPConfig, Field(discriminator="name")]


def build_controller(
    config: ControllerConfig,
    problem: SelectionProblem,
    keep_ranges: KeepRanges | None = None,
) -> Controller:
    """Build the controller of `config` for the inputs that `problem` shows.

    Args:
        keep_ranges: Shares of every class that each decision has to keep; None sets no limits.

    Raises:
        ValueError: keep ranges are given for a GRU, which decides one candidate after the other.
    """
    num_inputs = problem.descriptors_NF.shape[1]
    keep_range = None
    if keep_ranges:
        if isinstance(config, GRUConfig):
            raise ValueError(f"a {config.name} decides before it has seen all: it holds no range")
        keep_range = KeepRange(*torch.tensor(keep_ranges, dtype=torch.float32).unbind(1))
    return Controller(
        config.build_encoder(),
        num_inputs,
        num_context=problem.num_decisions + problem.num_classes + num_inputs,
        hidden_size=config.hidden_size,
        positions=config.positions,
        sees_decision="decision" in problem.context,
        keep_range=keep_range,
    )
