"""Training of classifiers; no other package trains one.

In: samples and labels on the device, a seed. Out: a fitted ResNet34 (images) or MLP (embeddings)
with its logits on validation, and for a ResNet34 its penultimate features. Read `fit.py` first.
"""

from rlsel.classifier.any_config import AnyClassifierConfig
from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.fit import Fitted, Trainer, fit, recipe_of
from rlsel.classifier.predict import extract_features, predict
from rlsel.classifier.resident import Resident

__all__ = [
    "AnyClassifierConfig",
    "ClassifierConfig",
    "Fitted",
    "Resident",
    "Trainer",
    "extract_features",
    "fit",
    "predict",
    "recipe_of",
]
