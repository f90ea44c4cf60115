"""Does the GPU compute what the CPU computes? Against fp32 on the CPU, from the same numbers.

The error of a vector is the length of its difference over the length of the CPU's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from rlsel.classifier import predict
from rlsel.classifier.augment import num_draws
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.predict import map_chunks
from rlsel.classifier.resident import Precision
from rlsel.classifier.resnet import build_resnet34, split_at
from rlsel.classifier.steps import loss_of
from rlsel.generators.histogan.training import Training
from rlsel.rewards.probe import LogisticHeads, ProbeConfig

from .size import Size, precisions

CPU = torch.device("cpu")
MOST = {"fp32": 0.01, "bf16": 0.15}
"""Errors up to here are rounding: on a GPU fp32 convolutions multiply in TF32, with 10 bits, and
bf16 has 8."""
NUM_PROBES, NUM_ROWS = 16, 512
Compute = Callable[[Size, torch.device, Precision], Sequence[Tensor]]


def agreement_cells(size: Size) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name -> what measures it."""
    for name, compute in COMPUTATIONS.items():
        for precision in ("fp32",) if name == "probe" else precisions(size.device):
            yield f"agreement/{name}, {precision}", partial(_compare, compute, size, precision)


def _compare(compute: Compute, size: Size, precision: Precision) -> dict:
    expected = compute(size, CPU, "fp32")
    found = compute(size, size.device, precision)
    difference, length = 0.0, 0.0
    for ours, theirs in zip(found, expected, strict=True):
        difference += float((ours.double().cpu() - theirs.double()).square().sum())
        length += float(theirs.double().square().sum())
    error = (difference / length) ** 0.5
    return {"relative_error": error, "ok": error <= MOST[precision]}


def _gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad for p in module.parameters() if p.grad is not None]


def _network(size: Size, device: torch.device) -> nn.Module:
    model = crop_kernels(build_resnet34(2, seed=0), (size.size_px, size.size_px))
    return model.to(device).to(memory_format=torch.channels_last)


def _full(size: Size, device: torch.device, precision: Precision) -> list[Tensor]:
    config = size.classifier(precision=precision, colour_jitter=0.2)
    model = _network(size, device).train()
    draws_BK = _uniform(size.batch_size, num_draws(config)).to(device)
    rows_B = torch.arange(size.batch_size, device=device)
    loss_of(config, model, size.resident(device=device), rows_B, draws_BK).backward()
    return _gradients(model)


def _prediction(size: Size, device: torch.device, precision: Precision) -> list[Tensor]:
    return [predict(_network(size, device), size.resident(device=device), precision)]


def _finetune(size: Size, device: torch.device, precision: Precision) -> list[Tensor]:
    """Feature maps of the frozen stages, and the gradients of a step from there on."""
    config = size.classifier(precision=precision, flips=False)
    trunk, tail = split_at(_network(size, device), "layer4")  # pyright: ignore[reportArgumentType]
    data = size.resident(device=device)
    maps = map_chunks(trunk, data, precision).clone()  # out of inference mode
    rows_B = torch.arange(size.batch_size, device=device)
    draws_BK = torch.zeros(size.batch_size, 0, device=device)
    loss_of(config, tail.train(), replace(data, images_NCHW=maps), rows_B, draws_BK).backward()
    return [maps, *_gradients(tail)]


def _probe(size: Size, device: torch.device, precision: Precision) -> list[Tensor]:
    x_NP = _uniform(NUM_ROWS, ProbeConfig().num_components).double() - 0.5
    labels_N = (x_NP[:, 0] + 0.3 * x_NP[:, 1] > 0).long()
    used_MN = _uniform(NUM_PROBES, NUM_ROWS) < 0.5
    heads = LogisticHeads(x_NP.to(device), labels_N.to(device), 2, ProbeConfig().l2)
    return [heads.fit(used_MN.to(device))]


def _gan(size: Size, device: torch.device, precision: Precision) -> list[Tensor]:
    """Gradients of the discriminator's step and of the generator's."""
    config = replace(size.gan, precision=precision)
    training = Training(config, size.resident(device=device), 2, seed=0)
    whole = slice(0, config.batch_size)
    training._discriminator_gradients(training._draw(0), whole)
    gradients = [gradient.clone() for gradient in _gradients(training.discriminator)]
    training.discriminator.requires_grad_(False)
    training._generator_gradients(training._draw(1), whole)
    return [*gradients, *_gradients(training.generator)]


def _uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


COMPUTATIONS: dict[str, Compute] = {
    "full training step": _full,
    "prediction": _prediction,
    "finetune step": _finetune,
    "probe": _probe,
    "generator step": _gan,
}
