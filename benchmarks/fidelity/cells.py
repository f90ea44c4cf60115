"""The work: a full training of a set, and every set's reward by one variant."""

import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from fidelity.bed import VARIANTS, Variant, bed
from rlsel import metrics
from rlsel.classifier import ClassifierConfig, Fitted, Resident, Trainer, predict
from rlsel.data.image_set import ImageSet
from rlsel.features.extract import extract
from rlsel.machine.device import best_device
from rlsel.rewards import Job, Workbench
from rlsel.seeding import derive_seed

METRICS = ("accuracy", "auc", "log_loss")


def train_fully(name: str, seed: int) -> dict[str, Any]:
    """One cell of the truth: a full training, scored on reward-val and on test."""
    splits, start = bed().splits, time.perf_counter()
    config = bed().experiment.classifier
    device = bed().training.device
    reward_val = Resident.put(splits.reward_val.images, splits.reward_val.labels, device)
    trainer = Trainer(config, bed().training, splits.train.num_classes)
    fitted = trainer.fit(bed().rows(bed().sets[name]), derive_seed(seed, "truth"), reward_val)
    seconds = time.perf_counter() - start
    test = Resident.put(splits.test.images, splits.test.labels, device)
    test_NC = predict(fitted.model, test, config.precision).cpu().numpy()
    epochs = [_score(logits.numpy(), splits.reward_val.labels) for logits in fitted.val_logits]
    return {
        "seconds": seconds,
        "reward": {metric: max(epoch[metric] for epoch in epochs) for metric in METRICS},
        "test": _score(test_NC, splits.test.labels),
    }


def _score(logits_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": metrics.accuracy(logits_NC, labels_N),
        "auc": metrics.auc(logits_NC, labels_N),
        "log_loss": -metrics.recalibrated_log_loss(logits_NC, labels_N),
    }


def pay(variant_name: str, seed: int) -> dict[str, Any]:
    """One cell: every set's reward by one variant; seed of the extractor and of the training."""
    variant = next(variant for variant in VARIANTS if variant.name == variant_name)
    benches = _workbenches(variant.extractor, seed)
    benches = [replace(bench, finetune=variant.finetune) for bench in benches]
    for bench in benches:  # what is prepared once is not charged
        bench.evaluate(_job(variant, np.zeros(len(bed().pool), bool), seed))
    rewards, seconds = {}, []
    for name, kept_N in bed().sets.items():
        found = [bench.evaluate(_job(variant, kept_N, seed)) for bench in benches]
        seconds.append(sum(evaluation.train_s for evaluation in found))
        rewards[name] = {
            metric: float(np.mean([evaluation.best(metric) for evaluation in found]))
            for metric in METRICS
        }
    return {"rewards": rewards, "seconds": float(np.median(seconds))}


def _job(variant: Variant, kept_N: np.ndarray, seed: int) -> Job:
    return Job(kept_N, variant.fidelity, derive_seed(seed, "reward"), "reward_val")


@cache
def _workbenches(extractor: str, seed: int) -> list[Workbench]:
    train = bed().splits.train
    if extractor == "real":
        return [_workbench(train, train, seed)]
    if extractor == "others":
        return [_workbench(bed().others, train, seed)]
    even = np.arange(len(train)) % 2 == 0
    halves = [train.take(even), train.take(~even)]
    return [_workbench(halves[0], halves[1], seed), _workbench(halves[1], halves[0], seed)]


def _workbench(seen: ImageSet, real: ImageSet, seed: int) -> Workbench:
    """A workbench whose extractor was trained on `seen`, and whose real images are `real`."""
    splits, experiment = bed().splits, bed().experiment
    fitted = _extractor(experiment.features.extractor, seen, seed)
    features = extract(
        fitted.model,
        best_device(),
        train=real,
        candidates=bed().pool.candidates,
        reward_val=splits.reward_val,
        selection_val=splits.selection_val,
    )
    return Workbench.of(
        replace(splits, train=real),
        bed().pool.candidates,
        [features],
        experiment.classifier,
        experiment.reward,
        fitted.model.state_dict(),
    )


def _extractor(config: ClassifierConfig, seen: ImageSet, seed: int) -> Fitted:
    data = Resident.put(seen.images, seen.labels, best_device())
    trainer = Trainer(config, data, seen.num_classes)
    return trainer.fit(torch.arange(len(data)), derive_seed(seed, "extractor"))
