"""The list of all classifiers; no other module has one."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.mlp import MLPConfig

DEFAULT_KIND = "resnet34"


def kind_of(block: Any) -> Any:
    """The `name` of a Config or of a block of settings, in which it may be left out.

    It is returned as it was given, because pydantic says whether there is such a kind.
    """
    if isinstance(block, dict):
        return block.get("name", DEFAULT_KIND)
    return getattr(block, "name", DEFAULT_KIND)


AnyClassifierConfig = Annotated[
    Annotated[ClassifierConfig, Tag("resnet34")] | Annotated[MLPConfig, Tag("mlp")],
    Discriminator(kind_of),
]
