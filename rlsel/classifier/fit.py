"""`fit`: trains a ResNet34 on some rows of a resident image set and follows it on validation.

Shape letters: N images, C channels, H rows, W columns.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torchvision.models import ResNet

from rlsel.classifier.augment import flip, jitter_colour
from rlsel.classifier.predict import predict
from rlsel.classifier.resident import Precision, Resident, autocast, normalise
from rlsel.classifier.resnet import build_resnet34
from rlsel.progress import track
from rlsel.schema import config


@config
class ClassifierConfig:
    """How a ResNet34 is trained. The paper names the network alone; the rest is our choice."""

    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over real + kept."""
    batch_size: Annotated[int, Field(ge=3)] = 64
    """Largest number of images a step; an epoch is cut into steps of nearly equal size. With 2 an
    odd number of images would leave a step of one, which batch normalisation refuses."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """SGD has Nesterov momentum 0.9."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of the schedule."""
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    """`one_cycle` warms up over the first 30% of the steps; both others start at `lr`."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    flips: bool = True
    """Mirror images at random, left to right and top to bottom."""
    colour_jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of brightness, contrast and saturation jitter; 0 is off."""
    weights: Annotated[Path | None, Field(strict=False)] = None
    """A ResNet34 state dict to start from; None starts from random weights."""
    precision: Precision = "auto"
    """`auto` is bf16 where the hardware multiplies it natively, else fp32."""
    num_validated_epochs: Annotated[int, Field(ge=1)] = 5
    """Validate after so many of the last epochs; the reward is their best (paper: 5)."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier and what it said of the validation images on the way."""

    model: ResNet
    val_logits: list[Float[Tensor, "n num_classes"]] = field(default_factory=list)
    """One entry per validated epoch, oldest first; empty without validation images."""


def fit(
    config: ClassifierConfig,
    data: Resident,
    rows_N: Int[Tensor, " n"],
    num_classes: int,
    seed: int,
    validation: Resident | None = None,
    num_validated_epochs: int | None = None,
    description: str | None = None,
) -> Fitted:
    """Train on `data[rows_N]`. Same seed, rows and device type: same classifier.

    Args:
        rows_N: Which images to train on, on the CPU; their order does not matter.
        seed: Of initial weights, order and augmentation.
        validation: Predicted after each of the last epochs.
        num_validated_epochs: Overrides the config's; the final test takes the last epoch alone.
        description: Show a progress bar over the epochs under this name.
    """
    model = build_resnet34(num_classes, seed, config.weights).to(data.device)
    generator = torch.Generator().manual_seed(seed)
    rows_N = rows_N.sort().values
    num_steps = math.ceil(len(rows_N) / config.batch_size)
    optimizer = _make_optimizer(config, model)
    schedule = _make_schedule(config, optimizer, num_steps * config.epochs)
    first_validated = config.epochs - (num_validated_epochs or config.num_validated_epochs)
    val_logits = []
    epochs = range(config.epochs)
    for epoch in track(epochs, description, len(epochs)) if description else epochs:
        shuffled_N = rows_N[torch.randperm(len(rows_N), generator=generator)]
        _train_epoch(config, model, data, shuffled_N, num_steps, generator, optimizer, schedule)
        if validation is not None and epoch >= first_validated:
            val_logits.append(predict(model, validation, config.precision).cpu())
    return Fitted(model, val_logits)


def _train_epoch(
    config: ClassifierConfig,
    model: ResNet,
    data: Resident,
    shuffled_N: Tensor,
    num_steps: int,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    model.train()
    # Steps of nearly equal size: a last step of one image would break batch normalisation.
    for rows_B in shuffled_N.to(data.device).tensor_split(num_steps):
        images_NCHW = _augment(config, normalise(data.images_NCHW[rows_B]), generator)
        with autocast(data.device, config.precision):
            logits = model(images_NCHW)
        loss = nn.functional.cross_entropy(logits.float(), data.labels_N[rows_B])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()


def _augment(config: ClassifierConfig, images_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    if config.flips:
        images_NCHW = flip(images_NCHW, generator)
    if config.colour_jitter:
        images_NCHW = jitter_colour(images_NCHW, generator, config.colour_jitter)
    return images_NCHW


def _make_optimizer(config: ClassifierConfig, model: nn.Module) -> torch.optim.Optimizer:
    settings = {"lr": config.lr, "weight_decay": config.weight_decay, "fused": True}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), **settings)
    return torch.optim.SGD(model.parameters(), momentum=0.9, nesterov=True, **settings)


def _make_schedule(
    config: ClassifierConfig, optimizer: torch.optim.Optimizer, total_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    schedules = torch.optim.lr_scheduler
    if config.schedule == "one_cycle":
        # Its own check wants two steps at least; a schedule of one step would divide by zero.
        return schedules.OneCycleLR(optimizer, max_lr=config.lr, total_steps=max(total_steps, 4))
    if config.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, T_max=total_steps)
    return schedules.ConstantLR(optimizer, factor=1.0)
