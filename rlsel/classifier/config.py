"""How a classifier is trained."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from rlsel.machine.device import Precision
from rlsel.schema import config


@config
class ClassifierConfig:
    """How a ResNet34 is trained. The paper names only the network; the rest is our choice."""

    name: Literal["resnet34"] = "resnet34"
    """The network."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over real + kept."""
    batch_size: Annotated[int, Field(ge=2)] = 64
    """Images per step; all images if there are fewer."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of AdamW. The rate rises to it over the first 30% of the steps and then
    falls to almost 0, each time along half a cosine wave."""
    flips: bool = True
    """Mirror images at random, left to right and top to bottom."""
    colour_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of brightness, contrast and saturation jitter; 0 is off."""
    weights: Annotated[Path | None, Field(strict=False)] = None
    """A ResNet34 state dict to start from; None starts from random weights."""
    precision: Precision = "auto"
    """`auto` is bf16 if the hardware multiplies it natively, else fp32. Scores of another
    precision, or of a CPU instead of a GPU, are not compared: the classifiers are trained again. So
    set the precision for a run that moves to another machine."""
    num_validated_epochs: Annotated[int, Field(ge=1)] = 5
    """Number of the last epochs after which the classifier is validated; the reward is the best of
    them (paper: 5)."""
    acceleration: Literal["auto", "none", "graphs", "compile"] = "auto"
    """`graphs` replays each step as one CUDA graph. `compile` first fuses it by torch.compile,
    which takes a minute for each of the trainings side by side. `auto` is `graphs`. On a CPU all of
    them are `none`, because measurements showed no gain from compiled steps there."""
