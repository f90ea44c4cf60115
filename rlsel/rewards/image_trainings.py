"""Trainings on images: a whole ResNet34, or the last stages of the extractor."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from rlsel.classifier import ClassifierConfig, Resident, Trainer
from rlsel.data.image_set import as_images
from rlsel.data.samples import SampleSet
from rlsel.errors import InputError
from rlsel.machine.device import best_device
from rlsel.rewards.finetune import FinetuneConfig, Finetuner
from rlsel.rewards.jobs import Split

Training = tuple[Tensor, int]
"""Rows of the training samples, and a seed."""
Logits = list[np.ndarray]
"""(v, c) for each validated epoch."""


class ImageTrainings:
    """Images that stay on the device, and the networks that are trained on them."""

    def __init__(
        self,
        classifier: ClassifierConfig,
        finetune: FinetuneConfig,
        weights: Mapping[str, Tensor],
        extractor: Mapping[str, Tensor],
        training: SampleSet,
        validation: Mapping[Split, SampleSet],
    ) -> None:
        """Nothing is put on the device before the first training.

        Args:
            weights: Weights that full trainings start from; if empty, these are random.
            extractor: Weights that `finetune` starts from; empty if that fidelity is not used.
            training: The images that trainings take rows of.
            validation: The images of each split that is scored.
        """
        self._classifier, self._finetune = classifier, finetune
        self._weights, self._extractor = weights, extractor
        self._training, self._validation = training, validation
        self._residents: dict[Split, Resident] = {}
        self._maps: dict[Split, Resident] = {}

    @property
    def warning(self) -> str:
        """Why trainings are slower than they could be; empty if they are not."""
        made = (vars(self).get(name) for name in ("trainer", "finetuner"))
        return "; ".join(one.warning for one in made if one is not None and one.warning)

    def full(self, trainings: Sequence[Training], split: Split) -> list[Logits]:
        """Logits of a split after full trainings."""
        fitted = self.trainer.fit_many(
            trainings,
            self.resident(split),
            # On test no epoch may be chosen, so the last one alone is predicted.
            num_validated_epochs=1 if split == "test" else None,
        )
        return [[logits_NC.numpy() for logits_NC in one.val_logits] for one in fitted]

    def finetune(self, trainings: Sequence[Training], split: Split) -> list[Logits]:
        """Logits of a split after further training of the extractor's last stages."""
        if split not in self._maps:
            self._maps[split] = self.finetuner.maps_of(self.resident(split))
        return [[logits] for logits in self.finetuner.logits(trainings, self._maps[split])]

    @cached_property
    def images(self) -> Resident:
        """The images that trainings take rows of, on the device."""
        return _put(self._training)

    def resident(self, split: Split) -> Resident:
        """The images of a split on the device."""
        if split not in self._residents:
            self._residents[split] = _put(self._validation[split])
        return self._residents[split]

    @cached_property
    def trainer(self) -> Trainer:
        num_classes = self._training.num_classes
        return Trainer(self._classifier, self.images, num_classes, weights=self._weights or None)

    @cached_property
    def finetuner(self) -> Finetuner:
        if not self._extractor:
            raise InputError("finetune starts from the extractor's weights, and there are none")
        return Finetuner(
            self._finetune,
            self._classifier,
            self._extractor,
            self.images,
            self._training.num_classes,
        )


def _put(samples: SampleSet) -> Resident:
    images = as_images(samples)
    return Resident.put(images.images, images.labels, best_device())
