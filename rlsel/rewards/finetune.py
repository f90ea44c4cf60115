"""The fidelity between probe and full training: the last stages of the extractor, trained on.

The stages before them are frozen. They are run once for all images, and trainings start from the
feature maps that come out.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from rlsel.classifier import ClassifierConfig, Resident, Trainer
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.predict import map_chunks
from rlsel.classifier.resnet import build_resnet34, split_at
from rlsel.machine.device_memory import room_for
from rlsel.schema import config


@config
class FinetuneConfig:
    """A short training that starts from the extractor; batches are those of the classifier.

    The defaults are the cheapest setting that ranks sets like full training with every seed tried
    (benchmarks/reward_fidelity.py: Spearman at least .8). 10 epochs are as informative per second.
    """

    first_stage: Literal["layer1", "layer2", "layer3", "layer4"] = "layer4"
    """The first stage that is trained. Stages before it are frozen; nothing is augmented."""
    epochs: Annotated[int, Field(ge=1)] = 6
    """Passes over real + kept."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of the classifier's schedule."""


class Finetuner:
    """Trains the last stages on any rows of the same images, always from the same weights."""

    def __init__(
        self,
        config: FinetuneConfig,
        classifier: ClassifierConfig,
        weights: Mapping[str, Tensor],
        images: Resident,
        num_classes: int,
    ) -> None:
        """Run all of `images` through the frozen part.

        Args:
            weights: State of a cropped ResNet34 (`crop_kernels`) trained on images of this size.
        """
        self._first_stage = config.first_stage
        self._settings = replace(
            classifier,
            epochs=config.epochs,
            lr=config.lr,
            flips=False,
            colour_jitter=0.0,
            num_validated_epochs=1,
        )
        height, width = images.images_NCHW.shape[2:]
        model = crop_kernels(build_resnet34(num_classes, seed=0), (height, width))
        model.load_state_dict(dict(weights))
        self._trunk, tail = split_at(model.to(images.device), config.first_stage)
        # The lambda refers to `tail` and not to an attribute of self: a reference cycle would keep
        # all of this on the device for longer.
        self._trainer = Trainer(
            self._settings, self.maps_of(images), num_classes, lambda _: copy.deepcopy(tail)
        )

    @property
    def warning(self) -> str:
        """`Trainer.warning`."""
        return self._trainer.warning

    def maps_of(self, images: Resident) -> Resident:
        """The feature maps that the frozen stages make of images."""
        trunk, precision = self._trunk, self._settings.precision
        with room_for(
            f"feature maps of {len(images):,} images before {self._first_stage}, which finetune "
            "starts from",
            "choose a later reward.finetune.first_stage, lower data.size_px or give fewer images",
        ):
            return replace(images, images_NCHW=map_chunks(trunk, images, precision))

    def logits(
        self, trainings: Sequence[tuple[Int[Tensor, " _"], int]], validation: Resident
    ) -> list[np.ndarray]:
        """Logits of `validation`, as `maps_of` gave it, after each training on (rows, seed)."""
        fitted = self._trainer.fit_many(trainings, validation)
        return [one.val_logits[-1].numpy() for one in fitted]
