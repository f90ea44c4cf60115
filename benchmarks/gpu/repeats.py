"""Is the same seed the same training? Twice with one trainer, with a fresh one, beside others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from rlsel.classifier import ClassifierConfig, Trainer
from rlsel.generators.histogan.training import Training

from .size import Size

GAN_STEPS = 5
SEEDS = (3, 5, 7)
MOST = 0.02
"""Differences up to here are rounding; 0 is equal to the bit."""
ON_GPU = (("none", 1, "bf16"), ("graphs", 1, "bf16"), ("graphs", 3, "bf16"), ("graphs", 1, "fp32"))
ON_CPU = (("none", 1, "fp32"), ("none", 3, "fp32"))
"""Acceleration, trainings at once, precision."""


def repeat_cells(size: Size) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name -> what measures it; with and without CUDA graphs, alone and in three lanes."""
    on_gpu = size.device.type == "cuda"
    for acceleration, num, precision in ON_GPU if on_gpu else ON_CPU:
        config = size.classifier(acceleration=acceleration, precision=precision)
        name = f"{acceleration}, {num} at once, {precision}"
        yield f"repeats/{name}", partial(_repeat, size, config, SEEDS[:num])
    if on_gpu:
        yield "repeats/graphs against plain steps, fp32", partial(_graphs_and_plain, size)
    yield "repeats/generator", partial(_repeat_gan, size)


def _repeat(size: Size, config: ClassifierConfig, seeds: tuple[int, ...]) -> dict:
    """The same once more, in a fresh trainer, and the first of the seeds alone."""
    trainer = Trainer(config, size.resident(), 2)
    first = _logits(trainer, size, seeds)
    others = {
        "again": _logits(trainer, size, seeds),
        "fresh": _logits(Trainer(config, size.resident(), 2), size, seeds),
    }
    if len(seeds) > 1:
        others["alone"] = _logits(trainer, size, seeds[:1])
    cell = {f"difference_{name}": _difference(first, other) for name, other in others.items()}
    ok = all(difference <= MOST for difference in cell.values())
    equal = {"equal_to_the_bit": not any(cell.values())}
    if trainer.warning:
        return {**cell, **equal, "warning": trainer.warning, "ok": False}
    return {**cell, **equal, "ok": ok}


def _graphs_and_plain(size: Size) -> dict:
    graphs, plain = (
        _logits(
            Trainer(size.classifier(precision="fp32", acceleration=one), size.resident(), 2),
            size,
            SEEDS[:1],
        )
        for one in ("graphs", "none")
    )
    return _compared(graphs, plain)


def _repeat_gan(size: Size) -> dict:
    """The generator's weights after a few steps."""
    config = replace(size.gan, batch_size=min(16, size.gan.batch_size))
    weights = []
    for _ in range(2):
        training = Training(config, size.resident(), 2, seed=0)
        for _ in range(GAN_STEPS):
            training.run_step()
        parameters = [p.detach().flatten() for p in training.generator.parameters()]
        weights.append([torch.cat(parameters)])
    return _compared(*weights)


def _compared(one: list[Tensor], other: list[Tensor]) -> dict:
    difference = _difference(one, other)
    equal = difference == 0
    return {"difference": difference, "equal_to_the_bit": equal, "ok": difference <= MOST}


def _logits(trainer: Trainer, size: Size, seeds: tuple[int, ...]) -> list[Tensor]:
    """Of the validation images, by each of trainings side by side."""
    rows_N = torch.arange(size.num_images)
    fitted = trainer.fit_many([(rows_N, seed) for seed in seeds], size.resident(size.batch_size))
    return [one.val_logits[-1] for one in fitted]


def _difference(first: list[Tensor], others: list[Tensor]) -> float:
    """Largest of all that both have, in units of the largest number; 0 is equal to the bit."""
    pairs = list(zip(first, others, strict=False))
    return max(float((one - other).abs().max() / one.abs().max()) for one, other in pairs)
