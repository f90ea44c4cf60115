"""The only place that trains a classifier.

In: uint8 images and labels on the device, a seed. Out: a fitted ResNet34 with its validation
curve, its logits, its penultimate features. Read `fit.py` first.
"""

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.fit import Fitted, Trainer, fit, recipe_of
from rlsel.classifier.predict import extract_features, predict
from rlsel.classifier.resident import Resident

__all__ = [
    "ClassifierConfig",
    "Fitted",
    "Resident",
    "Trainer",
    "extract_features",
    "fit",
    "predict",
    "recipe_of",
]
