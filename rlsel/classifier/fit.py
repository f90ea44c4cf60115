"""Training a classifier on some rows of a resident image set, followed on validation.

Shape letters: N images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.plan import TrainingPlan, draw_plan
from rlsel.classifier.predict import predict
from rlsel.classifier.resident import Resident
from rlsel.classifier.resnet import build_resnet34, weights_digest
from rlsel.classifier.steps import GraphedSteps, MakeModel, PlainSteps, Steps
from rlsel.progress import track

RECIPE = 2
"""Raise it when the same settings come to train otherwise: what is stored then counts no longer."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier and what it said of the validation images on the way."""

    model: nn.Module
    """For images of the size it was trained on (see `crop.py`)."""
    val_logits: list[Float[Tensor, "n num_classes"]] = field(default_factory=list)
    """One entry per validated epoch, oldest first; empty without validation images."""


class Trainer:
    """Trains one classifier after another on rows of the same images, or several side by side.

    What can be prepared once is kept: on a GPU the recorded step, which all trainings share.
    """

    def __init__(
        self,
        config: ClassifierConfig,
        data: Resident,
        num_classes: int,
        make_model: MakeModel | None = None,
    ) -> None:
        """Prepare for trainings on `data`.

        Args:
            make_model: What is trained; None is a ResNet34 for images of this size.
        """
        self._config, self._data = config, data
        height, width = data.images_NCHW.shape[2:]
        self._make_model = make_model or partial(_resnet34, config, num_classes, (height, width))
        self._recorded: list[GraphedSteps] = []

    def fit(
        self,
        rows_N: Int[Tensor, " n"],
        seed: int,
        validation: Resident | None = None,
        num_validated_epochs: int | None = None,
        description: str | None = None,
    ) -> Fitted:
        """Train on `data[rows_N]`. Same seed, rows and device: same classifier.

        Args:
            rows_N: Which images to train on; their order does not matter.
            seed: Of initial weights, order and augmentation.
            validation: Predicted after each of the last epochs.
            num_validated_epochs: Overrides the config's; the final test takes the last epoch alone.
            description: Show a progress bar over the epochs under this name.
        """
        return self.fit_many([(rows_N, seed)], validation, num_validated_epochs, description)[0]

    def fit_many(
        self,
        trainings: Sequence[tuple[Int[Tensor, " _"], int]],
        validation: Resident | None = None,
        num_validated_epochs: int | None = None,
        description: str | None = None,
    ) -> list[Fitted]:
        """Several trainings, each with rows and seed of its own, side by side on a GPU."""
        device = self._data.device
        plans = [
            draw_plan(self._config, rows_N, len(self._data), seed).to(device)
            for rows_N, seed in trainings
        ]
        try:
            lanes = self._lanes(plans, [seed for _, seed in trainings])
            logits = self._train(plans, lanes, validation, num_validated_epochs, description)
        except torch.OutOfMemoryError:
            self._recorded.clear()  # it holds memory that fewer trainings do not need
            raise
        finally:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        return [
            Fitted(steps.result(), [one.cpu() for one in val_logits])
            for steps, val_logits in zip(lanes, logits, strict=True)
        ]

    def _train(
        self,
        plans: Sequence[TrainingPlan],
        lanes: Sequence[Steps],
        validation: Resident | None,
        num_validated_epochs: int | None,
        description: str | None,
    ) -> list[list[Tensor]]:
        """All epochs; logits of the validated ones, on the device."""
        config = self._config
        first_validated = config.epochs - (num_validated_epochs or config.num_validated_epochs)
        logits: list[list[Tensor]] = [[] for _ in plans]
        epochs = range(config.epochs)
        for epoch in track(epochs, description, len(epochs)) if description else epochs:
            for plan, steps, val_logits in zip(plans, lanes, logits, strict=True):
                with torch.cuda.stream(steps.stream):
                    for rows_B, draws_BK, lr in plan.epoch(epoch):
                        steps.run(rows_B, draws_BK, lr)
                    if validation is not None and epoch >= first_validated:
                        val_logits.append(predict(steps.model, validation, config.precision))
                        steps.model.train()
        return logits

    def _lanes(self, plans: Sequence[TrainingPlan], seeds: Sequence[int]) -> Sequence[Steps]:
        config, data = self._config, self._data
        # Fewer images than a batch holds come in all numbers, too many to record a graph of each.
        small = any(plan.rows_SB.shape[1] < config.batch_size for plan in plans)
        if small or data.device.type != "cuda" or config.acceleration == "none":
            return [PlainSteps(config, data, self._make_model, seed) for seed in seeds]
        while len(self._recorded) < len(plans):
            self._recorded.append(GraphedSteps(config, data, self._make_model))
        lanes = self._recorded[: len(plans)]
        for steps, seed in zip(lanes, seeds, strict=True):
            steps.begin(seed)
        return lanes


def fit(
    config: ClassifierConfig,
    data: Resident,
    rows_N: Int[Tensor, " n"],
    num_classes: int,
    seed: int,
    validation: Resident | None = None,
    description: str | None = None,
) -> Fitted:
    """One training on `data[rows_N]`; see `Trainer.fit`."""
    trainer = Trainer(config, data, num_classes)
    return trainer.fit(rows_N, seed, validation, description=description)


def recipe_of(config: ClassifierConfig) -> str:
    """All that a training depends on besides images and seed, as text to be hashed.

    Raises:
        InputError: the file of `weights` is missing.
    """
    weights = config.weights and weights_digest(config.weights)
    return repr((RECIPE, replace(config, weights=None), weights))


def _resnet34(
    config: ClassifierConfig, num_classes: int, size: tuple[int, int], seed: int
) -> nn.Module:
    return crop_kernels(build_resnet34(num_classes, seed, config.weights), size)
