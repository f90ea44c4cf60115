"""Classification accuracy score: what a classifier that saw candidates alone knows of real images.

Shape letters: N test images, C classes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from rlsel.classifier import ClassifierConfig, Resident, Trainer, predict
from rlsel.classifier.resident import best_device
from rlsel.data.image_set import ImageSet
from rlsel.metrics import accuracy, auc, sensitivity, specificity

METRICS = {
    "accuracy": accuracy,
    "auc": auc,
    "sensitivity": sensitivity,
    "specificity": specificity,
}


def classification_accuracy_score(
    candidates: ImageSet,
    test: ImageSet,
    config: ClassifierConfig,
    seeds: Sequence[int],
    device: torch.device | None = None,
    description: str | None = None,
    validation: ImageSet | None = None,
) -> dict[str, list[float]]:
    """Train on candidates only, test on real images.

    Given as many real images in place of the candidates it says what they could reach at best.

    Args:
        candidates: Their labels are what is learned; no real image is added.
        test: Real. Only the last epoch meets them, so no epoch is chosen by looking at test.
        seeds: One training each.
        device: None is the best there is.
        description: Show progress bars under this name.
        validation: Real; what recipes of a generator may be compared by, as test may not.

    Returns:
        Metric of `METRICS`, and `validation_accuracy` if asked for -> one value per seed; accuracy
        is the score of the paper.

    Raises:
        ValueError: class names or image sizes differ.

    Source: Ravuri & Vinyals 2019, who train a ResNet50 on ImageNet; ours is the project's ResNet34.
    """
    for what, one, other in (
        ("class names", candidates.class_names, test.class_names),
        ("image sizes", candidates.images.shape[1:3], test.images.shape[1:3]),
    ):
        if one != other:
            raise ValueError(f"{what} of candidates and test differ: {one}, {other}")
    device = device or best_device()
    data = Resident.put(candidates.images, candidates.labels, device)
    trainer = Trainer(config, data, candidates.num_classes)
    scores: dict[str, list[float]] = {name: [] for name in METRICS}
    if validation is not None:
        scores["validation_accuracy"] = []

    def logits_of(model: nn.Module, images: ImageSet) -> np.ndarray:
        resident = Resident.put(images.images, images.labels, device)
        return predict(model, resident, config.precision).cpu().numpy()

    for seed in seeds:
        model = trainer.fit(torch.arange(len(data)), seed, description=description).model
        logits_NC = logits_of(model, test)
        for name, metric in METRICS.items():
            scores[name].append(metric(logits_NC, test.labels))
        if validation is not None:
            logits_NC = logits_of(model, validation)
            scores["validation_accuracy"].append(accuracy(logits_NC, validation.labels))
    return scores
