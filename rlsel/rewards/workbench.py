"""`Workbench`: everything an evaluation needs, and the fidelities that use it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from rlsel import metrics
from rlsel.classifier import ClassifierConfig, Resident, Trainer, recipe_of
from rlsel.classifier.resident import arithmetic, best_device, multiplies_bf16
from rlsel.classifier.resnet import read_weights
from rlsel.data import Splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.errors import InputError
from rlsel.features import Features
from rlsel.machine.device_memory import if_it_fits, room_for
from rlsel.machine.wording import counted
from rlsel.rewards.finetune import FinetuneConfig, Finetuner
from rlsel.rewards.jobs import SPLITS, Evaluation, Fidelity, Job, Split
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.probe import LogisticHeads, ProbeConfig, ProbeFeatures
from rlsel.rewards.reward import RewardConfig

DIGITS = 10
"""Decimal places of a score."""
PROBES_AT_ONCE = 128
"""Heads solved side by side; more of them save no time (docs/benchmarks.md)."""


@dataclass(frozen=True)
class Workbench:
    """Images, features and settings of one run, as plain arrays that any evaluator can receive."""

    train: ImageSet
    candidates: ImageSet
    reward_val: ImageSet
    selection_val: ImageSet
    test: ImageSet
    features: Features
    classifier: ClassifierConfig
    probe: ProbeConfig
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    extractor: Mapping[str, Tensor] = field(default_factory=dict)
    """Weights that `finetune` starts from; empty if that fidelity is not used."""
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    """Contents of the file `classifier.weights`, which other machines may not have."""
    trainings_at_once: int = 1
    """Full or finetune trainings side by side on a GPU; on a CPU it is one at a time."""

    @classmethod
    def of(
        cls,
        splits: Splits,
        candidates: ImageSet,
        features: Features,
        classifier: ClassifierConfig,
        reward: RewardConfig,
        extractor: Mapping[str, Tensor] | None = None,
        trainings_at_once: int = 1,
    ) -> "Workbench":
        """The workbench of a run over all of its splits."""
        return cls(
            train=splits.train,
            candidates=candidates,
            reward_val=splits.reward_val,
            selection_val=splits.selection_val,
            test=splits.test,
            features=features,
            classifier=classifier,
            probe=reward.probe,
            finetune=reward.finetune,
            extractor=extractor or {},
            weights=read_weights(classifier.weights) if classifier.weights else {},
            trainings_at_once=trainings_at_once,
        )

    def evaluate(self, job: Job) -> Evaluation:
        """Train on real + kept and score the job's split. The same job has the same scores."""
        return self.evaluate_many([job])[0]

    def evaluate_many(self, jobs: Sequence[Job]) -> list[Evaluation]:
        """Carry out jobs of one fidelity and split together, which is faster than one by one.

        Each evaluation gets an equal part of the time as its `train_s`.

        Raises:
            DeviceFullError: the jobs together do not fit into the memory of the GPU.
        """
        kind = {(job.fidelity, job.split) for job in jobs}
        if len(kind) != 1:
            raise ValueError(f"jobs of one group have one fidelity and split, not {sorted(kind)}")
        fidelity, split = kind.pop()
        start = time.perf_counter()
        labels_N = self._split(split).labels
        with room_for(counted(len(jobs), f"{fidelity} evaluation"), "lower data.size_px"):
            logits_of_jobs = _FIDELITIES[fidelity](self, jobs)
        scores = [[_score(epoch_NC, labels_N) for epoch_NC in logits] for logits in logits_of_jobs]
        train_s = (time.perf_counter() - start) / len(jobs)
        return [
            Evaluation(
                scores={name: [one[name] for one in epochs] for name in epochs[0]},
                num_train=len(self.train) + int(job.kept_N.sum()),
                train_s=train_s,
            )
            for job, epochs in zip(jobs, scores, strict=True)
        ]

    def carry_out(self, jobs: Sequence[Job], group_size: int) -> tuple[list[Evaluation], int]:
        """Carry out jobs of one fidelity and split in groups.

        A group that does not fit into memory is halved.

        Returns:
            the evaluations in the order of the jobs, and the size of a group that fits.

        Raises:
            DeviceFullError: a single job does not fit.
        """
        done: list[Evaluation] = []
        while len(done) < len(jobs):
            group = jobs[len(done) : len(done) + group_size]
            if len(group) == 1:
                done += self.evaluate_many(group)
                continue
            answers = if_it_fits(partial(self.evaluate_many, group))
            if answers is None:
                group_size = (len(group) + 1) // 2
            else:
                done += answers
        return done, group_size

    @property
    def warning(self) -> str:
        """Why trainings are slower than they could be; empty if they are not."""
        made = (vars(self).get(name) for name in ("_trainer", "_finetuner"))
        return "; ".join(one.warning for one in made if one is not None and one.warning)

    def group_size(self, fidelity: Fidelity) -> int:
        """How many jobs of this fidelity should be carried out together on this device."""
        if fidelity == "probe":
            return PROBES_AT_ONCE
        return self.trainings_at_once if best_device().type == "cuda" else 1

    @cached_property
    def keys(self) -> JobKeys:
        """Keys of results in a ledger, for trainings on the device of this process."""
        data = (self.train.digest, self.candidates.digest)
        # The features identify the extractor that made them.
        features = blake2b(np.ascontiguousarray(self.features.train), digest_size=16).hexdigest()
        settings: dict[Fidelity, object] = {
            "full": recipe_of(self.classifier),
            "probe": (self.probe, features),
            "finetune": (self.finetune, recipe_of(self.classifier), features),
        }
        recipes: dict[tuple[Fidelity, Split], str] = {
            (fidelity, split): _digest(fidelity, split, data, self._split(split).digest, setting)
            for fidelity, setting in settings.items()
            for split in SPLITS
        }
        device = best_device()
        here = arithmetic(self.classifier.precision, device.type, multiplies_bf16(device))
        return JobKeys(self.candidates.ids, recipes, here)

    def _split(self, split: Split) -> ImageSet:
        return {
            "reward_val": self.reward_val,
            "selection_val": self.selection_val,
            "test": self.test,
        }[split]

    def _train_fully(self, jobs: Sequence[Job]) -> list[list[np.ndarray]]:
        split = jobs[0].split
        fitted = self._trainer.fit_many(
            [(self._rows(job), job.seed) for job in jobs],
            self._resident_split(split),
            # On test no epoch may be chosen, so the last one alone is predicted.
            num_validated_epochs=1 if split == "test" else None,
        )
        return [[logits_NC.numpy() for logits_NC in one.val_logits] for one in fitted]

    def _finetune(self, jobs: Sequence[Job]) -> list[list[np.ndarray]]:
        split = jobs[0].split
        if split not in self._finetune_splits:
            images = self._resident_split(split)
            self._finetune_splits[split] = self._finetuner.maps_of(images)
        trainings = [(self._rows(job), job.seed) for job in jobs]
        logits = self._finetuner.logits(trainings, self._finetune_splits[split])
        return [[logits_NC] for logits_NC in logits]

    def _solve_probes(self, jobs: Sequence[Job]) -> list[list[np.ndarray]]:
        real_N = np.ones(len(self.train), dtype=bool)
        used_MN = np.stack([np.concatenate((real_N, job.kept_N)) for job in jobs])
        weights_MPC = self._probe_heads.fit(torch.from_numpy(used_MN)).numpy()
        validation_VP = self._probe_splits[jobs[0].split]
        return [[validation_VP @ weights_PC] for weights_PC in weights_MPC]

    def _rows(self, job: Job) -> Tensor:
        """Rows of `_training_images` that a job trains on: real images and kept candidates."""
        kept_rows = len(self.train) + np.flatnonzero(job.kept_N)
        return torch.from_numpy(np.concatenate((np.arange(len(self.train)), kept_rows)))

    @cached_property
    def _trainer(self) -> Trainer:
        num_classes = self.train.num_classes
        return Trainer(
            self.classifier, self._training_images, num_classes, weights=self.weights or None
        )

    @cached_property
    def _finetuner(self) -> Finetuner:
        if not self.extractor:
            raise InputError("finetune starts from the extractor's weights, and there are none")
        return Finetuner(
            self.finetune,
            self.classifier,
            self.extractor,
            self._training_images,
            self.train.num_classes,
        )

    @cached_property
    def _finetune_splits(self) -> dict[str, Resident]:
        return {}

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
    def _probe_heads(self) -> LogisticHeads:
        return LogisticHeads(
            torch.from_numpy(self._probe_features.training_NP),
            torch.from_numpy(np.concatenate((self.train.labels, self.candidates.labels))),
            self.train.num_classes,
            self.probe.l2,
        )

    @cached_property
    def _probe_splits(self) -> dict[str, np.ndarray]:
        return {
            "reward_val": self._probe_features.project(self.features.reward_val),
            "selection_val": self._probe_features.project(self.features.selection_val),
        }


_FIDELITIES: dict[Fidelity, Callable[[Workbench, Sequence[Job]], list[list[np.ndarray]]]] = {
    "probe": Workbench._solve_probes,
    "finetune": Workbench._finetune,
    "full": Workbench._train_fully,
}


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _score(logits_NC: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    scores = {
        "accuracy": metrics.accuracy(logits_NC, labels_N),
        "auc": metrics.auc(logits_NC, labels_N),
        "sensitivity": metrics.sensitivity(logits_NC, labels_N),
        "specificity": metrics.specificity(logits_NC, labels_N),
        "log_loss": -metrics.recalibrated_log_loss(logits_NC, labels_N),
    }
    # The last bits of a probe depend on what is solved beside it, and so on timing.
    return {name: round(score, DIGITS) for name, score in scores.items()}
