"""Train a classifier on some rows of a resident image set, with validation after late epochs.

Shape letters: N images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rlsel.classifier.config import ClassifierConfig
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.mlp import RECIPE as MLP_RECIPE
from rlsel.classifier.mlp import MLPConfig
from rlsel.classifier.plan import TrainingPlan, draw_plan, steps_in_turn
from rlsel.classifier.predict import predict
from rlsel.classifier.resident import Resident
from rlsel.classifier.resnet import Weights, build_resnet34, weights_digest
from rlsel.classifier.steps import GraphedSteps, MakeModel, PlainSteps, Steps
from rlsel.machine.device_memory import DeviceFullError, is_out_of_memory, release, room_for
from rlsel.machine.progress import track
from rlsel.machine.wording import counted

RECIPE = 2
"""Raise it when a change of the code changes the training, so that stored results are not used."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier and its logits on the validation images during training."""

    model: nn.Module
    """The network, only for images of the size it was trained on (see `crop.py`)."""
    val_logits: list[Float[Tensor, "n num_classes"]] = field(default_factory=list)
    """One entry per validated epoch, oldest first; empty without validation images."""


class Trainer:
    """Trains one classifier after another on rows of the same images, or several side by side.

    On a GPU the step is recorded once, and all trainings share the recording.
    """

    def __init__(
        self,
        config: ClassifierConfig,
        data: Resident,
        num_classes: int,
        make_model: MakeModel | None = None,
        setting: str = "classifier",
        weights: Weights | None = None,
    ) -> None:
        """Prepare for trainings on `data`.

        Args:
            make_model: Makes the network; None makes a ResNet34 for images of this size.
            setting: The user's name of `config`, for messages.
            weights: Contents of the file that `config.weights` names, if this machine lacks it.
        """
        self._config, self._data, self._setting = config, data, setting
        self.warning = ""
        """Why trainings on a GPU are slower than they could be; empty if they are not."""
        if data.device.type == "cuda":
            torch.backends.cudnn.deterministic = True  # same seed, same curve
        height, width = data.images_NCHW.shape[2:]
        self._make_model = make_model or partial(
            _resnet34, weights or config.weights, num_classes, (height, width)
        )
        self._recorded: list[GraphedSteps] = []

    def fit(
        self,
        rows_N: Int[Tensor, " n"],
        seed: int,
        validation: Resident | None = None,
        num_validated_epochs: int | None = None,
        description: str | None = None,
    ) -> Fitted:
        """Train on `data[rows_N]`. The same seed, rows and device give the same classifier.

        On a CPU the result is bit-identical for the same number of threads. On a GPU kernels are
        asked to be deterministic; the part `correct` of `benchmarks/on_gpu.py` measures how much
        two trainings differ there, and has no record yet.

        Args:
            rows_N: Which images to train on; their order does not matter.
            seed: Seed of initial weights, order and augmentation.
            validation: Predicted after each of the last epochs.
            num_validated_epochs: Overrides the config. The final test uses only the last epoch.
            description: Show a progress bar over the epochs under this name.

        Raises:
            DeviceFullError: the training does not fit into memory.
        """
        return self.fit_many([(rows_N, seed)], validation, num_validated_epochs, description)[0]

    def fit_many(
        self,
        trainings: Sequence[tuple[Int[Tensor, " _"], int]],
        validation: Resident | None = None,
        num_validated_epochs: int | None = None,
        description: str | None = None,
    ) -> list[Fitted]:
        """Several trainings, each with its own rows and seed, side by side on a GPU.

        Raises:
            DeviceFullError: so many trainings do not fit into memory.
        """
        device = self._data.device
        try:
            with room_for(self._needed(len(trainings)), f"lower {self._setting}.batch_size"):
                plans = [
                    draw_plan(self._config, rows_N, len(self._data), seed).to(device)
                    for rows_N, seed in trainings
                ]
                lanes = self._lanes(plans, [seed for _, seed in trainings])
                logits = self._train(plans, lanes, validation, num_validated_epochs, description)
                return [
                    Fitted(steps.result(), [one.cpu() for one in val_logits])
                    for steps, val_logits in zip(lanes, logits, strict=True)
                ]
        except DeviceFullError:
            self._recorded.clear()  # fewer trainings then have its memory
            raise
        finally:
            _wait_for(device)

    def _needed(self, num_trainings: int) -> str:
        shape = " x ".join(str(length) for length in self._data.images_NCHW.shape[1:])
        return (
            f"{counted(num_trainings, 'training')} in steps of {self._config.batch_size} inputs "
            f"of {shape}"
        )

    def _train(
        self,
        plans: Sequence[TrainingPlan],
        lanes: Sequence[Steps],
        validation: Resident | None,
        num_validated_epochs: int | None,
        description: str | None,
    ) -> list[list[Tensor]]:
        """Run all epochs, and return the logits of the validated ones, on the device."""
        config = self._config
        first_validated = config.epochs - (num_validated_epochs or config.num_validated_epochs)
        logits: list[list[Tensor]] = [[] for _ in plans]
        epochs = range(config.epochs)
        for epoch in track(epochs, description, len(epochs)) if description else epochs:
            # The trainings take steps in turn. A GPU starts its queues in the order in which they
            # were filled, so whole epochs in turn would hardly overlap.
            for number, step in steps_in_turn(plans, epoch):
                with torch.cuda.stream(lanes[number].stream):
                    lanes[number].run(*step)
            if validation is not None and epoch >= first_validated:
                for steps, val_logits in zip(lanes, logits, strict=True):
                    with torch.cuda.stream(steps.stream):
                        val_logits.append(predict(steps.model, validation, config.precision))
                    steps.model.train()
        _wait_for(self._data.device)  # the logits are read on another stream than the lanes'
        return logits

    def _lanes(self, plans: Sequence[TrainingPlan], seeds: Sequence[int]) -> Sequence[Steps]:
        config, data = self._config, self._data
        # With fewer images than a batch, the batch size varies, and each would need its own graph.
        small = any(plan.rows_SB.shape[1] < config.batch_size for plan in plans)
        wanted = not small and data.device.type == "cuda" and config.acceleration != "none"
        if not wanted or not self._record(len(plans)):
            return [PlainSteps(config, data, self._make_model, seed) for seed in seeds]
        lanes = self._recorded[: len(plans)]
        for steps, seed in zip(lanes, seeds, strict=True):
            steps.begin(seed)
        return lanes

    def _record(self, num: int) -> bool:
        """Record `num` steps. False if not even one can be recorded; plain steps then serve.

        Raises:
            Exception: memory is too short for several recordings; fewer may fit.
        """
        if self.warning:
            return False
        try:
            while len(self._recorded) < num:
                lane = len(self._recorded)
                self._recorded.append(
                    GraphedSteps(self._config, self._data, self._make_model, lane)
                )
        except Exception as error:  # CUDA graphs, cuBLAS and cuDNN raise different errors
            if num > 1 and is_out_of_memory(error):
                raise
            reason = [*str(error).splitlines(), type(error).__name__][0]
            self.warning = (
                f"{self._setting}: a training step cannot be recorded as a CUDA graph ({reason}), "
                "so trainings go on step by step, slower"
            )
        else:
            return True
        self._recorded.clear()
        release()
        return False


def _wait_for(device: torch.device) -> None:
    """Wait until the GPU has done all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fit(
    config: ClassifierConfig,
    data: Resident,
    rows_N: Int[Tensor, " n"],
    num_classes: int,
    seed: int,
    validation: Resident | None = None,
    description: str | None = None,
    setting: str = "classifier",
) -> Fitted:
    """One training on `data[rows_N]`; see `Trainer` and its `fit`."""
    trainer = Trainer(config, data, num_classes, setting=setting)
    return trainer.fit(rows_N, seed, validation, description=description)


def recipe_of(config: ClassifierConfig | MLPConfig) -> str:
    """Everything on which a training depends besides samples and seed, as text to be hashed.

    Raises:
        InputError: the file of `weights` is missing.
    """
    if isinstance(config, MLPConfig):
        return repr((MLP_RECIPE, config))
    weights = config.weights and weights_digest(config.weights)
    return repr((RECIPE, replace(config, weights=None), weights))


def _resnet34(
    weights: Path | Weights | None, num_classes: int, size: tuple[int, int], seed: int
) -> nn.Module:
    return crop_kernels(build_resnet34(num_classes, seed, weights), size)
