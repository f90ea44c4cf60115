"""`Workbench`: everything an evaluation needs, and the two fidelities that use it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import torch

from rlsel import metrics
from rlsel.classifier import ClassifierConfig, Resident, fit
from rlsel.classifier.resident import best_device
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.features import Features
from rlsel.rewards.jobs import SPLITS, Evaluation, Fidelity, Job, Split
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.probe import ProbeConfig, ProbeFeatures, fit_logistic


@dataclass(frozen=True)
class Workbench:
    """Images, features and settings of one run. Plain arrays, so it travels to any evaluator."""

    train: ImageSet
    candidates: ImageSet
    reward_val: ImageSet
    selection_val: ImageSet
    test: ImageSet
    features: Features
    classifier: ClassifierConfig
    probe: ProbeConfig

    def evaluate(self, job: Job) -> Evaluation:
        """Train on real + kept and score the job's split. Same job, same scores."""
        start = time.perf_counter()
        logits = _FIDELITIES[job.fidelity](self, job)
        labels_N = self._split(job.split).labels
        scores = [_score(epoch_NC, labels_N) for epoch_NC in logits]
        return Evaluation(
            scores={name: [one[name] for one in scores] for name in scores[0]},
            num_train=len(self.train) + int(job.kept_N.sum()),
            train_s=time.perf_counter() - start,
        )

    @cached_property
    def keys(self) -> JobKeys:
        """How results of this workbench are named in a ledger."""
        data = (self.train.digest, self.candidates.digest)
        # The features stand for the extractor that made them.
        features = blake2b(np.ascontiguousarray(self.features.train), digest_size=16).hexdigest()
        settings: dict[Fidelity, object] = {
            "full": self.classifier,
            "probe": (self.probe, features),
        }
        recipes: dict[tuple[Fidelity, Split], str] = {
            (fidelity, split): _digest(fidelity, split, data, self._split(split).digest, setting)
            for fidelity, setting in settings.items()
            for split in SPLITS
        }
        return JobKeys(self.candidates.ids, recipes)

    def _split(self, split: Split) -> ImageSet:
        return {
            "reward_val": self.reward_val,
            "selection_val": self.selection_val,
            "test": self.test,
        }[split]

    def _train_fully(self, job: Job) -> list[np.ndarray]:
        kept_rows = len(self.train) + np.flatnonzero(job.kept_N)
        rows_N = torch.from_numpy(np.concatenate((np.arange(len(self.train)), kept_rows)))
        fitted = fit(
            self.classifier,
            self._training_images,
            rows_N,
            self.train.num_classes,
            job.seed,
            self._resident_split(job.split),
            # On test no epoch may be chosen, so none but the last is looked at.
            num_validated_epochs=1 if job.split == "test" else None,
        )
        return [logits_NC.numpy() for logits_NC in fitted.val_logits]

    def _solve_probe(self, job: Job) -> list[np.ndarray]:
        rows_N = np.concatenate((np.ones(len(self.train), dtype=bool), job.kept_N))
        weights_PC = fit_logistic(
            self._probe_features.training_NP[rows_N],
            np.concatenate((self.train.labels, self.candidates.labels))[rows_N],
            self.train.num_classes,
            self.probe.l2,
            self.probe.max_steps,
        )
        return [self._probe_splits[job.split] @ weights_PC]

    @cached_property
    def _training_images(self) -> Resident:
        both = concatenate([self.train, self.candidates])
        return Resident.put(both.images, both.labels, best_device())

    @cached_property
    def _residents(self) -> dict[str, Resident]:
        return {}

    def _resident_split(self, split: Split) -> Resident:
        if split not in self._residents:
            images = self._split(split)
            self._residents[split] = Resident.put(images.images, images.labels, best_device())
        return self._residents[split]

    @cached_property
    def _probe_features(self) -> ProbeFeatures:
        both_NF = np.concatenate((self.features.train, self.features.candidates))
        return ProbeFeatures(self.probe, both_NF)

    @cached_property
    def _probe_splits(self) -> dict[str, np.ndarray]:
        return {
            "reward_val": self._probe_features.project(self.features.reward_val),
            "selection_val": self._probe_features.project(self.features.selection_val),
        }


_FIDELITIES: dict[Fidelity, Callable[[Workbench, Job], list[np.ndarray]]] = {
    "probe": Workbench._solve_probe,
    "full": Workbench._train_fully,
}


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _score(logits_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": metrics.accuracy(logits_NC, labels_N),
        "auc": metrics.auc(logits_NC, labels_N),
        "sensitivity": metrics.sensitivity(logits_NC, labels_N),
        "specificity": metrics.specificity(logits_NC, labels_N),
        "log_loss": -metrics.recalibrated_log_loss(logits_NC, labels_N),
    }
