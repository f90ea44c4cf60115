"""The list of all classifiers; no other module has one."""

from typing import Annotated

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.mlp import MLPConfig
from rlsel.schema import OneOf

DEFAULT_KIND = "resnet34"

AnyClassifierConfig = Annotated[
    ClassifierConfig | MLPConfig, OneOf(lambda: (ClassifierConfig, MLPConfig), DEFAULT_KIND)
]
