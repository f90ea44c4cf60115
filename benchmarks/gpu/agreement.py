"""Does the GPU compute what the CPU computes? Against fp32 on the CPU, from the same numbers.

The error of a vector is the length of its difference over the length of the CPU's. A check has
several vectors, such as feature maps and gradients, and the worst of them counts. An untrained
ResNet34 is badly conditioned, and small errors in its products move its gradients much farther; so
those are given more room, and with the fewer digits of TF32 and bf16 are held to their direction.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial

import torch
from torch import Tensor, nn

from rlsel.classifier import predict
from rlsel.classifier.augment import num_draws
from rlsel.classifier.crop import crop_kernels
from rlsel.classifier.predict import map_chunks
from rlsel.classifier.resnet import build_resnet34, split_at
from rlsel.classifier.steps import loss_of
from rlsel.generators.histogan.training import Training
from rlsel.heads import LogisticHeads
from rlsel.machine.device import Precision
from rlsel.rewards.probe import ProbeConfig

from .size import Size

CPU = torch.device("cpu")
NUM_PROBES, NUM_ROWS = 16, 512
MODES: dict[str, Precision] = {"fp32": "fp32", "TF32": "fp32", "bf16": "bf16"}
"""Name -> precision asked for. TF32 is what PyTorch makes of fp32 convolutions if it may."""
Vectors = Mapping[str, list[Tensor]]
"""Name -> tensors that are compared as one vector. `gradients` are held to their direction."""
Compute = Callable[[Size, torch.device, Precision], Vectors]


def agreement_cells(size: Size) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name -> what measures it."""
    modes = tuple(MODES) if size.device.type == "cuda" else ("fp32",)
    for name in COMPUTATIONS:
        for mode in ("fp32",) if name == "probe" else modes:
            yield f"agreement/{name}, {mode}", partial(_compare, name, size, mode)


def _compare(name: str, size: Size, mode: str) -> dict:
    expected = _on_cpu(name, size)
    with _tf32(mode == "TF32"):
        found = COMPUTATIONS[name](size, size.device, MODES[mode])
    ok, worst, cell = True, 0.0, {}
    for what, theirs in expected.items():
        one, other = _flat(found[what]), _flat(theirs)
        error = float((one - other).norm() / other.norm())
        cosine = float(torch.nn.functional.cosine_similarity(one, other, dim=0))
        cell |= {f"error_of_{what}": error, f"cosine_of_{what}": cosine}
        ok &= _is_close(what, mode, error, cosine)
        worst = max(worst, error)
    return {"relative_error": worst, **cell, "ok": ok}


def _is_close(what: str, mode: str, error: float, cosine: float) -> bool:
    """NaN is never close."""
    if "gradients" not in what:
        return error < (0.01 if mode == "fp32" else 0.03)
    return error < 0.05 if mode == "fp32" else cosine > 0.5


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().double().cpu().flatten() for tensor in tensors])


@cache
def _on_cpu(name: str, size: Size) -> Vectors:
    """Once for all precisions; beside a GPU in all cores."""
    before = torch.get_num_threads()
    if size.device.type == "cuda":
        torch.set_num_threads(os.cpu_count() or before)
    try:
        return COMPUTATIONS[name](size, CPU, "fp32")
    finally:
        torch.set_num_threads(before)


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    flags = torch.backends.cudnn
    before = flags.allow_tf32
    flags.allow_tf32 = allowed
    try:
        yield
    finally:
        flags.allow_tf32 = before


def _gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad for p in module.parameters() if p.grad is not None]


def _network(size: Size, device: torch.device) -> nn.Module:
    model = crop_kernels(build_resnet34(2, seed=0), (size.size_px, size.size_px))
    return model.to(device).to(memory_format=torch.channels_last)


def _full(size: Size, device: torch.device, precision: Precision) -> Vectors:
    config = size.classifier(precision=precision, colour_jitter=0.2)
    model = _network(size, device).train()
    draws_BK = _uniform(size.num_compared, num_draws(config)).to(device)
    data, rows_B = size.resident(size.num_compared, device), torch.arange(size.num_compared)
    loss_of(config, model, data, rows_B.to(device), draws_BK).backward()
    return {"gradients": _gradients(model)}


def _prediction(size: Size, device: torch.device, precision: Precision) -> Vectors:
    data = size.resident(size.num_compared, device)
    return {"logits": [predict(_network(size, device), data, precision)]}


def _finetune(size: Size, device: torch.device, precision: Precision) -> Vectors:
    """Feature maps of the frozen stages, and the gradients of a step from there on."""
    config = size.classifier(precision=precision, flips=False)
    trunk, tail = split_at(_network(size, device), "layer4")  # pyright: ignore[reportArgumentType]
    data = size.resident(size.num_compared, device)
    maps = map_chunks(trunk, data, precision).clone()  # out of inference mode
    rows_B = torch.arange(size.num_compared, device=device)
    draws_BK = torch.zeros(size.num_compared, 0, device=device)
    loss_of(config, tail.train(), replace(data, images_NCHW=maps), rows_B, draws_BK).backward()
    return {"feature_maps": [maps], "gradients": _gradients(tail)}


def _probe(size: Size, device: torch.device, precision: Precision) -> Vectors:
    x_NP = _uniform(NUM_ROWS, ProbeConfig().num_components).double() - 0.5
    labels_N = (x_NP[:, 0] + 0.3 * x_NP[:, 1] > 0).long()
    used_MN = _uniform(NUM_PROBES, NUM_ROWS) < 0.5
    heads = LogisticHeads(x_NP.to(device), labels_N.to(device), 2, ProbeConfig().l2)
    return {"weights": [heads.fit(used_MN.to(device))]}


def _gan(size: Size, device: torch.device, precision: Precision) -> Vectors:
    """Gradients of the discriminator's step and of the generator's."""
    config = replace(size.gan, precision=precision, batch_size=min(8, size.num_compared))
    data = size.resident(size.num_compared, device)
    training = Training(config, data, 2, seed=0)
    whole = slice(0, config.batch_size)
    training._discriminator_gradients(training._draw(0), whole)
    of_discriminator = [gradient.clone() for gradient in _gradients(training.discriminator)]
    training.discriminator.requires_grad_(False)
    training._generator_gradients(training._draw(1), whole)
    return {
        "discriminator_gradients": of_discriminator,
        "generator_gradients": _gradients(training.generator),
    }


def _uniform(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


COMPUTATIONS: dict[str, Compute] = {
    "full training step": _full,
    "prediction": _prediction,
    "finetune step": _finetune,
    "probe": _probe,
    "generator step": _gan,
}
