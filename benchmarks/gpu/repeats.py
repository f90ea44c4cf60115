"""Is the same seed the same training? Twice with one trainer, with a fresh one, beside others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from rlsel.classifier import ClassifierConfig, Trainer
from rlsel.generators.histogan.training import Training

from .size import Size, precisions

GAN_STEPS = 5
SEEDS = (3, 5, 7)


def repeat_cells(size: Size) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name -> what measures it; with and without CUDA graphs, alone and in three lanes."""
    on_gpu = size.device.type == "cuda"
    for precision in precisions(size.device):
        for acceleration in ("none", "graphs") if on_gpu else ("none",):
            config = size.classifier(acceleration=acceleration, precision=precision)
            for seeds in (SEEDS[:1], SEEDS):
                name = f"{acceleration}, {len(seeds)} at once, {precision}"
                yield f"repeats/{name}", partial(_repeat, size, config, seeds)
    if on_gpu:
        yield "repeats/graphs against plain steps, fp32", partial(_graphs_and_plain, size)
    yield "repeats/generator", partial(_repeat_gan, size)


def _repeat(size: Size, config: ClassifierConfig, seeds: tuple[int, ...]) -> dict:
    """The first of the seeds, once more, in a fresh trainer, and alone."""
    trainer = Trainer(config, size.resident(), 2)
    first = _logits(trainer, size, seeds)
    others = {
        "again": _logits(trainer, size, seeds),
        "fresh": _logits(Trainer(config, size.resident(), 2), size, seeds),
        "alone": _logits(trainer, size, seeds[:1]),
    }
    cell = {f"difference_{name}": _difference(first, other) for name, other in others.items()}
    warned = {"warning": trainer.warning} if trainer.warning else {}
    return cell | warned | {"ok": not any(cell.values()) and not warned}


def _graphs_and_plain(size: Size) -> dict:
    config = size.classifier(precision="fp32")
    graphs, plain = (
        _logits(
            Trainer(replace(config, acceleration=acceleration), size.resident(), 2), size, SEEDS[:1]
        )
        for acceleration in ("graphs", "none")
    )
    difference = _difference(graphs, plain)
    return {"difference": difference, "ok": difference == 0}


def _repeat_gan(size: Size) -> dict:
    """The averaged generator's weights after a few steps."""
    weights = []
    for _ in range(2):
        training = Training(size.gan, size.resident(), 2, seed=0)
        for _ in range(GAN_STEPS):
            training.run_step()
        weights.append(torch.cat([p.flatten() for p in training.generator.parameters()]))
    difference = _difference(*weights)
    return {"difference": difference, "ok": difference == 0}


def _logits(trainer: Trainer, size: Size, seeds: tuple[int, ...]) -> Tensor:
    """Of the validation images, by the first of trainings side by side."""
    rows_N = torch.arange(size.num_images)
    fitted = trainer.fit_many([(rows_N, seed) for seed in seeds], size.resident(size.batch_size))
    return fitted[0].val_logits[-1]


def _difference(one: Tensor, other: Tensor) -> float:
    """Largest, in units of the largest number; 0 is equal to the bit."""
    return float((one - other).abs().max() / one.abs().max())
