"""Settings of the controllers, and the one place that makes one."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from rlsel.controllers.transformer import Positions, TransformerController
from rlsel.schema import config


@config
class ControllerConfig:
    """Which network decides. The paper: transformer, 2 layers, 2 heads, sinusoidal positions."""

    name: Literal["transformer"] = "transformer"
    """The architecture."""
    hidden_size: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Width of a token; the paper gives none."""
    feedforward_size: Annotated[int, Field(ge=1)] = 128
    """Width inside the feed-forward layers; the paper gives none."""
    num_layers: Annotated[int, Field(ge=1)] = 2
    """Encoder layers."""
    num_heads: Annotated[int, Field(ge=1)] = 2
    """Attention heads; they must divide `hidden_size`."""
    positions: Positions = "sinusoidal"
    """Position in the sorted batch, or `none`, which makes the network permutation-equivariant."""

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"num_heads is {self.num_heads}; it must divide hidden_size, {self.hidden_size}"
            )


def build_controller(config: ControllerConfig, num_inputs: int, num_context: int) -> nn.Module:
    """The network of `config` for `num_inputs` descriptors and `num_context` context numbers."""
    return TransformerController(
        num_inputs,
        num_context,
        hidden_size=config.hidden_size,
        feedforward_size=config.feedforward_size,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        positions=config.positions,
    )
