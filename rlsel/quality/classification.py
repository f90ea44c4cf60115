"""Classification accuracy score: a classifier is trained on candidates only, tested on real images.

Shape letters: N test images, C classes.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from rlsel.classifier import ClassifierConfig, Resident, Trainer, predict
from rlsel.classifier.mlp import MLPConfig, MLPTrainer
from rlsel.data.image_set import as_images
from rlsel.data.samples import SampleSet
from rlsel.machine.device import best_device
from rlsel.metrics import METRICS, SCORE_METRICS, accuracy


def classification_accuracy_score(
    candidates: SampleSet,
    test: SampleSet,
    config: ClassifierConfig | MLPConfig,
    seeds: Sequence[int],
    device: torch.device | None = None,
    description: str | None = None,
    validation: SampleSet | None = None,
) -> dict[str, list[float]]:
    """Train on candidates only, test on real images.

    Computed with as many real images in place of candidates, the score is an upper reference.

    Args:
        candidates: The training set; no real sample is added.
        test: Real. Only the last epoch is tested, so that no epoch is chosen on test.
        seeds: One training each.
        device: None takes the best available.
        description: Show progress bars under this name.
        validation: Real. Settings of a generator may be compared on validation, but not on test.

    Returns:
        Metric of `SCORE_METRICS`, and `validation_accuracy` if `validation` is given -> one value
        per seed; accuracy is the score of the paper.

    Raises:
        ValueError: class names or shapes differ.

    Source: Ravuri & Vinyals 2019, who train a ResNet50 on ImageNet; ours is the project's ResNet34.
    """
    for what, one, other in (
        ("class names", candidates.class_names, test.class_names),
        ("shapes", candidates.shape, test.shape),
    ):
        if one != other:
            raise ValueError(f"{what} of candidates and test differ: {one}, {other}")
    sets = [test] if validation is None else [test, validation]
    scores: dict[str, list[float]] = {name: [] for name in SCORE_METRICS}
    if validation is not None:
        scores["validation_accuracy"] = []
    device = device or best_device()
    for logits in _logits(candidates, sets, config, seeds, device, description):
        for name in SCORE_METRICS:
            scores[name].append(METRICS[name].of(logits[0], test.labels))
        if validation is not None:
            scores["validation_accuracy"].append(accuracy(logits[1], validation.labels))
    return scores


def _logits(
    candidates: SampleSet,
    sets: Sequence[SampleSet],
    config: ClassifierConfig | MLPConfig,
    seeds: Sequence[int],
    device: torch.device,
    description: str | None,
) -> Iterator[list[np.ndarray]]:
    """For each seed, the logits on each set of a classifier trained on the candidates."""
    rows, num_classes = torch.arange(len(candidates)), candidates.num_classes
    match config:
        case MLPConfig():
            mlp = MLPTrainer(config, candidates.values, candidates.labels, num_classes, device)
            for seed in seeds:
                found = mlp.logits(rows, seed, [one.values for one in sets], num_validated_epochs=1)
                yield [of_set[-1] for of_set in found]
        case ClassifierConfig():
            data = Resident.put(as_images(candidates).images, candidates.labels, device)
            trainer = Trainer(config, data, num_classes)
            for seed in seeds:
                model = trainer.fit(rows, seed, description=description).model
                residents = [
                    Resident.put(as_images(one).images, one.labels, device) for one in sets
                ]
                yield [predict(model, one, config.precision).cpu().numpy() for one in residents]
