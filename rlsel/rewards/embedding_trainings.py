"""Trainings of an MLP on embeddings."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from rlsel.classifier.mlp import MLPConfig, MLPTrainer
from rlsel.data.samples import SampleSet
from rlsel.errors import InputError
from rlsel.machine.device import best_device
from rlsel.rewards.image_trainings import Logits, Training
from rlsel.rewards.jobs import Split


class EmbeddingTrainings:
    """Embeddings on the device, and the MLP that is trained on them."""

    warning = ""

    def __init__(
        self,
        classifier: MLPConfig,
        training: SampleSet,
        validation: Mapping[Split, SampleSet],
    ) -> None:
        """Nothing is put on the device before the first training.

        Args:
            training: The embeddings that trainings take rows of.
            validation: The embeddings of each split that is scored.
        """
        self._classifier, self._training, self._validation = classifier, training, validation

    def full(self, trainings: Sequence[Training], split: Split) -> list[Logits]:
        """Logits of a split after full trainings, one after the other."""
        validation = self._validation[split].values
        # On test no epoch may be chosen, so the last one alone is predicted.
        epochs = 1 if split == "test" else None
        return [self._mlp.logits(rows, seed, [validation], epochs)[0] for rows, seed in trainings]

    def finetune(self, trainings: Sequence[Training], split: Split) -> list[Logits]:
        raise InputError("finetune goes on from a ResNet34, and embeddings have none")

    @cached_property
    def _mlp(self) -> MLPTrainer:
        samples = self._training
        return MLPTrainer(
            self._classifier, samples.values, samples.labels, samples.num_classes, best_device()
        )
