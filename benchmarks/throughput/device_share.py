"""How much of what the device can do a training uses, and what the rest of the time goes into."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from recording import Cell
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet34

from rlsel.classifier import ClassifierConfig

from .sides import Setting, Setup, ours

NUM_PRODUCTS = 20
NUM_SHOWN = 15
ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")
"""Categories of a Chrome trace that occupy the GPU."""
GAPS, OUTSIDE = "idle between kernels", "idle before the first and after the last kernel"
KINDS = {
    "fresh weights": ("aten::normal_", "aten::uniform_"),
    "optimiser": ("adam", "multi_tensor_apply", "sgd"),
    "batch normalisation": ("bn_fw", "bn_bw", "batch_norm", "batchnorm"),
    "copies, casts and gathers": (
        "memcpy", "memset", "copy", "nchwtonhwc", "nhwctonchw", "index", "gather", "catarray",
        "aten::to", "contiguous", "aten::clone", "convert",
    ),
    "pooling": ("pool",),
    "convolutions and matrix products": (
        "conv", "gemm", "xmma", "cutlass", "nvjet", "fprop", "dgrad", "wgrad", "cudnn", "addmm",
        "matmul", "aten::mm", "splitk",
    ),
    "loss and reductions": ("softmax", "nll_loss", "reduce", "triton_red", "triton_per"),
    "elementwise": ("elementwise", "triton_poi", "relu", "add", "mul", "threshold", "where"),
}  # fmt: skip
"""Kind -> parts of lower-case kernel names (operators on a CPU). The first that fits counts: an
elementwise kernel that copies is a copy."""


def measure_share(
    setting: Setting, group: int, config: ClassifierConfig, device: str, matrix: int
) -> Cell:
    """Model FLOP/s of trainings side by side, against the matrix-product rate of this process.

    The model's work is three forward passes of torchvision's ResNet34: forward, gradients of the
    activations, gradients of the weights. The first convolution needs one pass less, and taps
    that only meet padding are counted though rlsel drops them.

    Args:
        group: Above one, each is profiled on fewer images, so that a trace stays readable.
        matrix: Rows and columns of the matrices whose product sets the rate.
    """
    torch.set_num_threads(1)
    flops_per_image = 3 * forward_flops(setting.size_px)
    rate = matrix_product_rate(matrix, device)
    train = ours(Setup("ours", group=group), setting, config, device)
    train(config.batch_size, 1)
    images = group * setting.num_images * config.epochs
    images_per_s = images / train(setting.num_images, 0).wall_s
    times = profiled(lambda: train(setting.num_images // group, 0), device)
    return {
        "setting": setting.name,
        "group": group,
        "images_per_s": images_per_s,
        "training_flops_per_image": flops_per_image,
        "model_flops_per_s": flops_per_image * images_per_s,
        "matrix_product_flops_per_s": rate,
        "matrix_size": matrix,
        "share_of_matrix_product_rate": flops_per_image * images_per_s / rate,
        "profile": share_of_time(times),
    }


def forward_flops(size_px: int) -> int:
    """Floating-point operations of one image through a ResNet34; a multiply-add counts two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        resnet34(weights=None, num_classes=2).eval()(torch.zeros(1, 3, size_px, size_px))
    return counter.get_total_flops()


def matrix_product_rate(size: int, device: str) -> float:
    """FLOP/s of bf16 matrix products of random numbers; zeros would flatter the device."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        torch.mm(a, b)
    _wait(device)
    start = time.perf_counter()
    for _ in range(NUM_PRODUCTS):
        torch.mm(a, b)
    _wait(device)
    return NUM_PRODUCTS * 2 * size**3 / (time.perf_counter() - start)


def profiled(work: Callable[[], object], device: str) -> Counter[str]:
    """Microseconds of each kernel (operator on a CPU) while `work` runs, and what is between."""
    on_gpu = torch.device(device).type == "cuda"
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as profiler:
        start = time.perf_counter()
        work()
        _wait(device)
        wall_us = 1e6 * (time.perf_counter() - start)
    if not on_gpu:
        return Counter({e.key: e.self_cpu_time_total for e in profiler.key_averages()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        return kernel_times(json.loads(path.read_text())["traceEvents"], wall_us)


def kernel_times(events: Iterable[dict[str, Any]], wall_us: float) -> Counter[str]:
    """Microseconds by kernel name of a Chrome trace, and those in which no kernel ran.

    `GAPS` is between the first kernel and the last, `OUTSIDE` the rest of `wall_us`: a training
    draws its fresh weights before its first kernel. Kernels of several streams may run at once, so
    that the sum may exceed the time that passed.
    """
    kernels = sorted((e for e in events if e.get("cat") in ON_GPU), key=lambda e: e["ts"])
    times: Counter[str] = Counter()
    gaps = 0.0
    start = busy_until = kernels[0]["ts"] if kernels else 0.0
    for kernel in kernels:
        times[kernel["name"]] += kernel["dur"]
        gaps += max(0.0, kernel["ts"] - busy_until)
        busy_until = max(busy_until, kernel["ts"] + kernel["dur"])
    return times + Counter({GAPS: gaps, OUTSIDE: wall_us - (busy_until - start)})


def share_of_time(times: Counter[str]) -> Cell:
    """Shares by kind, and of the kernels that took the most."""
    total = sum(times.values()) or 1.0
    kinds: Counter[str] = Counter()
    for name, duration in times.items():
        kinds[kind_of(name)] += duration
    return {
        "total_ms": total / 1000,
        "kinds": {kind: round(t / total, 4) for kind, t in kinds.most_common()},
        "kernels": [
            {"name": name[:160], "kind": kind_of(name), "share": round(t / total, 4)}
            for name, t in times.most_common(NUM_SHOWN)
        ],
    }


def kind_of(kernel: str) -> str:
    """What a kernel is for, by its name."""
    if kernel in (GAPS, OUTSIDE):
        return kernel
    name = kernel.lower()
    fitting = (kind for kind, parts in KINDS.items() if any(part in name for part in parts))
    return next(fitting, "other")


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
