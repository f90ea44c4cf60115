"""How a classifier is trained."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rlsel.machine.device import Precision
from rlsel.schema import config


@config
class ClassifierConfig:
    """How a ResNet34 is trained. The paper names the network alone; the rest is our choice."""

    name: Literal["resnet34"] = "resnet34"
    """The network."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over real + kept."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Images a step; all of them where there are fewer."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of AdamW: it rises over the first 30% of the steps and then falls to
    almost 0, as a half-wave of a cosine each time."""
    flips: bool = True
    """Mirror images at random, left to right and top to bottom."""
    colour_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of brightness, contrast and saturation jitter; 0 is off."""
    weights: Annotated[Path | None, Field(strict=False)] = None
    """A ResNet34 state dict to start from; None starts from random weights."""
    precision: Precision = "auto"
    """`auto` is bf16 where the hardware multiplies it natively, else fp32. What was trained in
    another precision, or on a CPU instead of a GPU, is trained again rather than compared: state it
    for a run that moves to another machine."""
    num_validated_epochs: Annotated[int, Field(ge=1)] = 5
    """Validate after so many of the last epochs; the reward is their best (paper: 5)."""
    acceleration: Literal["auto", "none", "graphs", "compile"] = "auto"
    """`graphs` replays each step as one CUDA graph; `compile` fuses it by torch.compile first,
    which takes a minute for each of the trainings side by side. `auto` is `graphs`. On a CPU all
    are `none`: compiled steps were measured to be no faster there."""
