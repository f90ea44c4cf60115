"""The one place that knows which classifiers there are."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.mlp import MLPConfig


def _kind_of(classifier: Any) -> str:
    """`name` of a Config or of a block of settings, where it may be left out."""
    if isinstance(classifier, dict):
        return classifier.get("name", "resnet34")
    return getattr(classifier, "name", "resnet34")


AnyClassifierConfig = Annotated[
    Annotated[ClassifierConfig, Tag("resnet34")] | Annotated[MLPConfig, Tag("mlp")],
    Discriminator(_kind_of),
]
