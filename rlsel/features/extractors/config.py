"""`ExtractorConfig`: where the features of images come from. Without `name` it is a ResNet34."""

import re
from typing import Annotated, Literal

from pydantic import Field

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.any_config import DEFAULT_KIND
from rlsel.schema import HoldsPath, OneOf, PathText, config

Channels = tuple[float, float, float]
Deviations = tuple[
    Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]
]
Weights = Annotated[str, HoldsPath(r"(?!\w+\Z)(.*)")]
"""A path, or a word that names weights (`is_word`)."""


@config
class TorchvisionExtractor:
    """A frozen classification network of torchvision; what enters its last layer is the feature."""

    name: Literal["torchvision"] = "torchvision"
    model: str
    """The network, as torchvision calls it, such as resnet50, densenet121 or vit_b_16."""
    weights: Weights
    """The path of a state dict; DEFAULT or another name of torchvision's own; or random.
    Torchvision's own are downloaded. The last layer of a state dict is not looked at."""
    size_px: Annotated[int | None, Field(ge=1)] = None
    """Images are resized to a square of so many pixels; None is what the network is usually fed."""
    mean: Channels | None = None
    """Of each channel, on a scale of 0 to 1; taken off. None is that of torchvision's weights."""
    std: Deviations | None = None
    """The same for the standard deviation, which is divided by."""


@config
class TimmExtractor:
    """A frozen network of timm; what enters its last layer is the feature."""

    name: Literal["timm"] = "timm"
    model: Annotated[str, HoldsPath("local-dir:(.*)")]
    """The network, as timm calls it: resnet50.a1_in1k, hf-hub:OWNER/NAME or local-dir:FOLDER.
    The folder holds config.json and weights, as they lie on the Hugging Face hub."""
    weights: Weights
    """The path of a state dict; pretrained, for the weights that come with the name; or random.
    Pretrained weights are downloaded, but for those of a local-dir."""
    size_px: Annotated[int | None, Field(ge=1)] = None
    """Images are resized to a square of so many pixels; None is what the network is usually fed."""
    mean: Channels | None = None
    """Of each channel, on a scale of 0 to 1; taken off. None is that of the network's weights."""
    std: Deviations | None = None
    """The same for the standard deviation, which is divided by."""


@config
class FileExtractor:
    """Features that somebody else has computed, for every image by its id (docs/features.md)."""

    name: Literal["file"] = "file"
    path: PathText
    """A Parquet file, glob or folder with columns id and features, or NPZ with ids and features.
    A feature is a list of numbers, as many for all images; docs/features.md has a script."""
    id_column: str | None = None
    """What holds the ids; None: the column id, or in an NPZ file the array ids."""
    feature_column: str | None = None
    """What holds the features; None: features."""
    part_column: str | None = None
    """What tells candidates (by the word candidates) from real images (by any other); None: the
    column part, or in an NPZ file the array parts, where there is one."""


NetworkExtractor = TorchvisionExtractor | TimmExtractor
"""Frozen networks, which images are run through."""
FrozenExtractor = NetworkExtractor | FileExtractor
"""Those that are not trained on the images of a run."""


def is_word(weights: str) -> bool:
    """Whether `weights` names some, as DEFAULT does; anything with a dot or a slash is a path."""
    return re.fullmatch(r"\w+", weights) is not None


EXTRACTORS = (ClassifierConfig, TorchvisionExtractor, TimmExtractor, FileExtractor)
ExtractorConfig = Annotated[
    ClassifierConfig | FrozenExtractor, OneOf(lambda: EXTRACTORS, DEFAULT_KIND)
]
