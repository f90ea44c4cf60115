"""Classification accuracy score: what a classifier that saw candidates alone knows of real images.

Shape letters: N test images, C classes.
"""

from collections.abc import Sequence

import torch

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
) -> dict[str, list[float]]:
    """Train on candidates only, test on real images.

    Given as many real images in place of the candidates it says what they could reach at best.

    Args:
        candidates: Their labels are what is learned; no real image is added.
        test: Real. Only the last epoch meets them, so no epoch is chosen by looking at test.
        seeds: One training each.
        device: None is the best there is.
        description: Show progress bars under this name.

    Returns:
        Metric of `METRICS` -> one value per seed; accuracy is the score of the paper.

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
    real = Resident.put(test.images, test.labels, device)
    trainer = Trainer(config, data, candidates.num_classes)
    scores: dict[str, list[float]] = {name: [] for name in METRICS}
    for seed in seeds:
        model = trainer.fit(torch.arange(len(data)), seed, description=description).model
        logits_NC = predict(model, real, config.precision).cpu().numpy()
        for name, metric in METRICS.items():
            scores[name].append(metric(logits_NC, test.labels))
    return scores
