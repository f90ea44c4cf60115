"""The plan of a training, step by step, drawn before it starts.

Every step has the same shape for any number of images, so that one compiled step serves all
trainings. Shape letters: N images trained on, T images in total, P passes, S steps, B images per
step, K random numbers per image.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rlsel.classifier.augment import num_draws
from rlsel.classifier.config import ClassifierConfig

Step = tuple[Tensor, Tensor, float]
"""Rows, random numbers and learning rate of one step."""


@dataclass(frozen=True)
class TrainingPlan:
    """Which images each step sees, the random numbers of its augmentation, and its rate."""

    rows_SB: Int[Tensor, "s b"]
    draws_SBK: Float[Tensor, "s b k"]
    lr_S: list[float]
    epoch_ends: tuple[int, ...]
    """Steps done at the end of each epoch."""

    def epoch(self, epoch: int) -> Iterator[Step]:
        """Rows, random numbers and rate of each step of an epoch; epochs are counted from 0."""
        start = self.epoch_ends[epoch - 1] if epoch else 0
        for step in range(start, self.epoch_ends[epoch]):
            yield self.rows_SB[step], self.draws_SBK[step], self.lr_S[step]

    def to(self, device: torch.device) -> "TrainingPlan":
        return replace(self, rows_SB=self.rows_SB.to(device), draws_SBK=self.draws_SBK.to(device))


def steps_in_turn(plans: Sequence[TrainingPlan], epoch: int) -> Iterator[tuple[int, Step]]:
    """(number of the plan, its next step), one step of each plan in turn, until all have ended."""
    for turn in zip_longest(*(plan.epoch(epoch) for plan in plans)):
        yield from ((number, step) for number, step in enumerate(turn) if step is not None)


def draw_plan(
    config: ClassifierConfig, rows_N: Int[Tensor, " n"], num_images: int, seed: int
) -> TrainingPlan:
    """Shuffled passes over the images are concatenated and cut into steps of equal size.

    Over the whole training each image is seen `epochs` times, plus or minus one. An epoch ends
    with the step nearest to the end of its pass.

    Order and augmentation are drawn for all images, also for those not trained on. With one seed,
    two sets of images therefore have the same order and augmentation of their common images, so
    that their trainings differ only because the sets differ, not by chance.

    Args:
        rows_N: Which images to train on, two at least; their order does not matter.
        num_images: How many images there are to choose from.
        seed: Seed of order and augmentation.
    """
    generator = torch.Generator().manual_seed(seed)
    rows_N = rows_N.cpu().sort().values
    n = len(rows_N)
    if n < 2:
        raise ValueError(f"batch normalisation needs two images at least, not {n}")
    size = min(config.batch_size, n)
    epoch_ends = tuple(max(1, round(epoch * n / size)) for epoch in range(1, config.epochs + 1))
    num_steps = epoch_ends[-1]
    num_passes = math.ceil(num_steps * size / n)
    # One pass more than `epochs` is always drawn, because whether it is needed depends on n.
    place_PT = torch.rand((config.epochs + 1, num_images), generator=generator)
    draws_PTK = torch.rand((*place_PT.shape, num_draws(config)), generator=generator)
    rows_PN = rows_N[place_PT[:num_passes, rows_N].argsort(dim=1)]
    draws_PNK = torch.stack([draws_PTK[i, rows] for i, rows in enumerate(rows_PN)])
    shape = (num_steps, size)
    return TrainingPlan(
        rows_PN.flatten()[: num_steps * size].view(shape),
        draws_PNK.flatten(0, 1)[: num_steps * size].view(*shape, -1),
        _learning_rates(config, num_steps),
        epoch_ends,
    )


def _learning_rates(config: ClassifierConfig, num_steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=config.lr,
        # OneCycleLR refuses fewer than two steps, and divides by zero for fewer than four.
        total_steps=max(num_steps, 4),
        cycle_momentum=False,
    )
    rates = []
    for _ in range(num_steps):
        rates.append(float(schedule.get_last_lr()[0]))
        optimizer.step()
        schedule.step()
    return rates
