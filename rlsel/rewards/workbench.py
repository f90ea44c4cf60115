"""`Workbench`: everything an evaluation needs, and the fidelities that use it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from rlsel.classifier import ClassifierConfig, recipe_of
from rlsel.classifier.mlp import MLPConfig
from rlsel.classifier.resnet import read_weights
from rlsel.data import Splits
from rlsel.data.samples import SampleSet, concatenate
from rlsel.features import Features
from rlsel.machine.device import arithmetic, best_device, multiplies_bf16
from rlsel.machine.device_memory import if_it_fits, room_for
from rlsel.machine.wording import counted
from rlsel.metrics import METRICS
from rlsel.rewards.embedding_trainings import EmbeddingTrainings
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.image_trainings import ImageTrainings
from rlsel.rewards.jobs import SPLITS, Evaluation, Fidelity, Job, Split
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.probe import Probes
from rlsel.rewards.reward import RewardConfig

DIGITS = 10
"""Decimal places of a score."""
PROBES_AT_ONCE = 128
"""Heads solved side by side; more of them save no time (docs/benchmarks/speed.md)."""
MOST_PLACES = 2**24
"""Heads solved side by side, times the samples of each: a number for each place takes 128 MiB."""

Answers = list[list[list[np.ndarray]]]
"""For each job, for each validated epoch, for each fold: logits (v, c)."""


@dataclass(frozen=True)
class Workbench:
    """Samples and settings of one run, as plain arrays that any evaluator can receive.

    Everything that evaluators share is computed before they receive it, so that a machine holds it
    once, however many evaluators it has.
    """

    training: SampleSet
    """The real training samples, then the candidates."""
    num_real: int
    validation: Mapping[Split, SampleSet]
    """The splits that are scored."""
    probes: Probes
    recipes: dict[tuple[Fidelity, Split], str]
    """Digest of what a result depends on beside seed, arithmetic and kept candidates."""
    classifier: ClassifierConfig | MLPConfig
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
        candidates: SampleSet,
        folds: Sequence[Features],
        classifier: ClassifierConfig | MLPConfig,
        reward: RewardConfig,
        extractor: Mapping[str, Tensor] | None = None,
        trainings_at_once: int = 1,
    ) -> "Workbench":
        """The workbench of a run over all of its splits.

        Args:
            folds: The features by each extractor.
        """
        training = concatenate([splits.train, candidates])
        probes = Probes.of(reward.probe, folds, training.labels, training.num_classes)
        validation = {name: getattr(splits, name) for name in SPLITS}
        return cls(
            training=training,
            num_real=len(splits.train),
            validation=validation,
            probes=probes,
            recipes=_recipes(splits, candidates, folds, classifier, reward),
            classifier=classifier,
            finetune=reward.finetune,
            extractor=extractor or {},
            weights=_weights_of(classifier),
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
        labels_N = self.validation[split].labels
        with room_for(counted(len(jobs), f"{fidelity} evaluation"), self._remedy):
            logits_of_jobs = _FIDELITIES[fidelity](self, jobs)
        scores = [[_score(folds, labels_N) for folds in epochs] for epochs in logits_of_jobs]
        train_s = (time.perf_counter() - start) / len(jobs)
        return [
            Evaluation(
                scores={name: [one[name] for one in epochs] for name in epochs[0]},
                num_train=self.num_real + int(job.kept_N.sum()),
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
        made = vars(self).get("trainings")
        return made.warning if made is not None else ""

    def group_size(self, fidelity: Fidelity) -> int:
        """How many jobs of this fidelity should be carried out together on this device."""
        if fidelity == "probe":
            return max(1, min(PROBES_AT_ONCE, MOST_PLACES // len(self.training)))
        return self.trainings_at_once if best_device().type == "cuda" else 1

    @property
    def num_candidates(self) -> int:
        return len(self.training) - self.num_real

    @property
    def keys(self) -> JobKeys:
        """Keys of results in a ledger, for trainings on the device of this process."""
        device = best_device()
        here = arithmetic(self.classifier.precision, device.type, multiplies_bf16(device))
        return JobKeys(self.training.ids[self.num_real :], self.recipes, here)

    @property
    def _remedy(self) -> str:
        of_mlp = isinstance(self.classifier, MLPConfig)
        return "lower classifier.batch_size" if of_mlp else "lower data.size_px"

    def _train_fully(self, jobs: Sequence[Job]) -> Answers:
        return _once(self.trainings.full(self._trainings_of(jobs), jobs[0].split))

    def _finetune(self, jobs: Sequence[Job]) -> Answers:
        return _once(self.trainings.finetune(self._trainings_of(jobs), jobs[0].split))

    def _solve_probes(self, jobs: Sequence[Job]) -> Answers:
        kept_MK = np.stack([job.kept_N for job in jobs])
        return [[of_folds] for of_folds in self.probes.logits(kept_MK, jobs[0].split)]

    def _trainings_of(self, jobs: Sequence[Job]) -> list[tuple[Tensor, int]]:
        """Rows of all real samples and of what is kept, with the seed."""
        real, num = np.arange(self.num_real), self.num_real
        rows = [np.concatenate((real, num + np.flatnonzero(job.kept_N))) for job in jobs]
        return [(torch.from_numpy(of), job.seed) for of, job in zip(rows, jobs, strict=True)]

    @cached_property
    def trainings(self) -> ImageTrainings | EmbeddingTrainings:
        """The trainings for samples of this kind."""
        match self.classifier:
            case MLPConfig() as mlp:
                return EmbeddingTrainings(mlp, self.training, self.validation)
            case ClassifierConfig() as resnet:
                return ImageTrainings(
                    resnet,
                    self.finetune,
                    self.weights,
                    self.extractor,
                    self.training,
                    self.validation,
                )


_FIDELITIES: dict[Fidelity, Callable[[Workbench, Sequence[Job]], Answers]] = {
    "probe": Workbench._solve_probes,
    "finetune": Workbench._finetune,
    "full": Workbench._train_fully,
}


def _weights_of(classifier: ClassifierConfig | MLPConfig) -> Mapping[str, Tensor]:
    path = None if isinstance(classifier, MLPConfig) else classifier.weights
    return read_weights(path) if path else {}


def _recipes(
    splits: Splits,
    candidates: SampleSet,
    folds: Sequence[Features],
    classifier: ClassifierConfig | MLPConfig,
    reward: RewardConfig,
) -> dict[tuple[Fidelity, Split], str]:
    data = (splits.train.digest, candidates.digest)
    recipe = recipe_of(classifier)

    def settings(fidelity: Fidelity, split: Split) -> object:
        match fidelity:
            case "full":
                return recipe
            case "probe":
                used = [(one, name) for one in folds for name in ("train", "candidates", split)]
                unseen = [one.digests["unseen"] for one in folds if one.unseen is not None]
                return reward.probe, *(one.digests.get(name) for one, name in used), *unseen
            case "finetune":  # the features identify the extractor that it starts from
                return reward.finetune, recipe, folds[0].digests["train"]

    return {
        (fidelity, split): _digest(
            fidelity, split, data, getattr(splits, split).digest, settings(fidelity, split)
        )
        for fidelity in _FIDELITIES
        for split in SPLITS
    }


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _once(answers: list[list[np.ndarray]]) -> Answers:
    """Of trainings that know no folds."""
    return [[[logits_NC] for logits_NC in epochs] for epochs in answers]


def _score(folds: list[np.ndarray], labels_N: np.ndarray) -> dict[str, float]:
    """Each metric, the mean over the folds of its values by the logits of each."""
    # The last bits of a probe depend on what is solved beside it, and so on timing.
    return {
        name: round(float(np.mean([metric.of(logits_NC, labels_N) for logits_NC in folds])), DIGITS)
        for name, metric in METRICS.items()
    }
