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
    """A frozen classification network of torchvision; features are the inputs of its last layer."""

    name: Literal["torchvision"] = "torchvision"
    model: str
    """Torchvision's name of the network, such as resnet50, densenet121 or vit_b_16."""
    weights: Weights
    """The path of a state dict; DEFAULT or another name of torchvision's own weights; or random.
    Torchvision's own weights are downloaded. The last layer of a state dict is not used."""
    size_px: Annotated[int | None, Field(ge=1)] = None
    """Side of the square to which images are resized; None takes the usual size of the network."""
    mean: Channels | None = None
    """Mean of each channel, on a scale of 0 to 1, which is subtracted. None takes that of
    torchvision's weights."""
    std: Deviations | None = None
    """Standard deviation of each channel, by which the difference is divided. None takes that of
    torchvision's weights."""


@config
class TimmExtractor:
    """A frozen network of timm; features are the inputs of its last layer."""

    name: Literal["timm"] = "timm"
    model: Annotated[str, HoldsPath("local-dir:(.*)")]
    """Timm's name of the network: resnet50.a1_in1k, hf-hub:OWNER/NAME or local-dir:FOLDER. The
    folder holds config.json and the weights, with the same names as on the Hugging Face hub."""
    weights: Weights
    """The path of a state dict; pretrained, for the weights that belong to the name; or random.
    Pretrained weights are downloaded, except for those of a local-dir."""
    size_px: Annotated[int | None, Field(ge=1)] = None
    """Side of the square to which images are resized; None takes the usual size of the network."""
    mean: Channels | None = None
    """Mean of each channel, on a scale of 0 to 1, which is subtracted. None takes that of the
    network's weights."""
    std: Deviations | None = None
    """Standard deviation of each channel, by which the difference is divided. None takes that of
    the network's weights."""


@config
class FileExtractor:
    """Features that were computed elsewhere, for every image by its id (docs/features.md)."""

    name: Literal["file"] = "file"
    path: PathText
    """A Parquet file, glob or folder with columns id and features, or NPZ with ids and features.
    A feature is a list of numbers of the same length for all images; docs/features.md has a
    script."""
    id_column: str | None = None
    """The column or array of the ids; None: the column id, or in an NPZ file the array ids."""
    feature_column: str | None = None
    """The column or array of the features; None: features."""
    part_column: str | None = None
    """The column or array that marks candidates by the word candidates, and real images by any
    other word; None: the column part, or in an NPZ file the array parts, if there is one."""


NetworkExtractor = TorchvisionExtractor | TimmExtractor
"""Extractors that run images through a frozen network."""
FrozenExtractor = NetworkExtractor | FileExtractor
"""Extractors that are not trained on the images of a run."""


def is_word(weights: str) -> bool:
    """Whether `weights` is a name such as DEFAULT; anything with a dot or a slash is a path."""
    return re.fullmatch(r"\w+", weights) is not None


EXTRACTORS = (ClassifierConfig, TorchvisionExtractor, TimmExtractor, FileExtractor)
ExtractorConfig = Annotated[
    ClassifierConfig | FrozenExtractor, OneOf(lambda: EXTRACTORS, DEFAULT_KIND)
]
