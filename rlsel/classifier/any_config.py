"""The list of all classifiers; no other module has one."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.mlp import MLPConfig

DEFAULT_KIND = "resnet34"


def kind_of(block: Any) -> str:
    """The `name` of a Config or of a block of settings, in which it may be left out."""
    if isinstance(block, dict):
        return block.get("name", DEFAULT_KIND)
    return getattr(block, "name", DEFAULT_KIND)


AnyClassifierConfig = Annotated[
    Annotated[ClassifierConfig, Tag("resnet34")] | Annotated[MLPConfig, Tag("mlp")],
    Discriminator(kind_of),
]
