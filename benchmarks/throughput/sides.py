"""Ours and the naive peer, timed alike: in one process or in several that start together.

A complete training is timed as it is. One that would take too long is timed for a few steps, less
the time of fewer steps, and extrapolated by the number of images: what a training costs before its
first step counts once, validation by the number of passes.
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing.synchronize import Barrier
from typing import Any, Literal

import numpy as np
import torch
from recording import Cell

from rlsel.classifier import ClassifierConfig, Resident, Trainer, predict
from rlsel.classifier.steps import WEIGHT_DECAY

from .naive_peer import train_naively

PRELOADED = ["torch", "torchvision.transforms.v2", "rlsel.classifier"]
LONGEST_WAIT_S = 1800.0
"""For the other processes of a set-up, before it is given up."""


@dataclass(frozen=True)
class Setup:
    """Who trains, and how the machine is shared out."""

    side: Literal["ours", "peer"]
    processes: int = 1
    threads: int = 1
    """Of each process."""
    workers: int = 0
    """Of each `DataLoader`; the peer's alone."""
    group: int = 1
    """Trainings side by side in each process; ours alone."""

    @property
    def name(self) -> str:
        parts = [f"{self.side}: {_counted(self.processes, 'process', 'es')}"]
        parts.append(f"of {_counted(self.threads, 'thread', 's')}")
        if self.side == "peer":
            parts.append(f"with {_counted(self.workers, 'worker', 's')}")
        if self.group > 1:
            parts.append(f"in groups of {self.group}")
        return " ".join(parts)


@dataclass(frozen=True)
class Setting:
    """What is trained on."""

    size_px: int
    num_images: int
    num_val: int
    complete: bool
    """False: time some steps and extrapolate."""
    timed_steps: int = 16
    warm_up_steps: int = 2
    timed_val: int = 256
    """Validation images of the timed passes, where not all are."""

    @property
    def name(self) -> str:
        return f"{self.size_px}px_{self.num_images}"


@dataclass(frozen=True)
class Trial:
    """Seconds of `Setup.group` trainings, and what of them went into validation."""

    wall_s: float
    validation_s: float


Train = Callable[[int, int], Trial]
"""(training images, validation passes) -> seconds."""


def measure(setup: Setup, setting: Setting, config: ClassifierConfig, device: str) -> Cell:
    """Evaluations an hour and training images a second of all processes of a set-up together."""
    # Looking for GPUs through NVML leaves a process free to fork, should an import look for them.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # Forked from a server that has imported everything and computed nothing: quick and clean.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    n = setup.processes
    with ProcessPoolExecutor(n, context, _enter, (context.Barrier(n),)) as pool:
        futures = [pool.submit(_measure, setup, setting, config, device) for _ in range(n)]
        each = [future.result() for future in futures]
    images = setup.group * setting.num_images * config.epochs
    return {
        "setup": asdict(setup),
        "extrapolated": not setting.complete,
        "evaluations_per_hour": sum(3600 * setup.group / one["wall_s"] for one in each),
        "images_per_s": sum(images / (one["wall_s"] - one["validation_s"]) for one in each),
        "val_images_per_s": sum(
            _val_images(setup, setting, config) / o["validation_s"] for o in each
        ),
        "processes": each,
    }


def ours(setup: Setup, setting: Setting, config: ClassifierConfig, device: str) -> Train:
    """rlsel's own trainer, warm between trainings as in an evaluator."""
    images, val = (
        Resident.put(*random_images(num, setting.size_px), torch.device(device))
        for num in _num_held(setting, config)
    )
    trainer = Trainer(config, images, 2)

    def train(num_images: int, passes: int) -> Trial:
        trainings = [(torch.arange(num_images), seed) for seed in range(setup.group)]
        start = _now(device)
        fitted = trainer.fit_many(trainings, val if passes else None, passes or None)
        wall_s = _now(device) - start
        # Timed afterwards, since a training does not say what its validation took; twice, since
        # the first time memory is still to be found.
        for _ in range(2 if passes else 0):
            start = _now(device)
            predict(fitted[0].model, val, config.precision).cpu()
        return Trial(wall_s, passes * setup.group * (_now(device) - start))

    return train


def peer(setup: Setup, setting: Setting, config: ClassifierConfig, device: str) -> Train:
    """The naive peer with the same settings."""
    num_images, num_val = _num_held(setting, config)
    images_NHWC, labels_N = random_images(num_images, setting.size_px)
    val = random_images(num_val, setting.size_px)

    def train(num_images: int, passes: int) -> Trial:
        start = _now(device)
        result = train_naively(
            images_NHWC[:num_images],
            labels_N[:num_images],
            *val,
            **shared_settings(config),
            device=device,
            num_workers=setup.workers,
            num_validated_epochs=passes,
        )
        return Trial(_now(device) - start, result.validation_s)

    return train


SIDES = {"ours": ours, "peer": peer}


def shared_settings(config: ClassifierConfig) -> dict[str, Any]:
    """The settings that both sides have.

    Raises:
        ValueError: the config asks for what the peer does not do.
    """
    if not config.flips:
        raise ValueError("the naive peer always flips")
    names = ("epochs", "batch_size", "lr")
    return {name: getattr(config, name) for name in names} | {"weight_decay": WEIGHT_DECAY}


def random_images(num: int, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, h, w, 3) uint8 and (n,) labels. Speed does not depend on what an image shows."""
    generator = np.random.default_rng(num)
    images_NHWC = generator.integers(0, 256, (num, size_px, size_px, 3), np.uint8)
    return images_NHWC, np.arange(num) % 2


def _enter(barrier: Barrier) -> None:
    """Leave the barrier where the one function of this process finds it: it cannot be pickled."""
    global _barrier  # noqa: PLW0603
    # As in a script that a user starts; else the loaders' workers would import everything anew.
    multiprocessing.set_start_method("fork", force=True)
    _barrier = barrier


def _together() -> None:
    _barrier.wait(LONGEST_WAIT_S)


def _measure(setup: Setup, setting: Setting, config: ClassifierConfig, device: str) -> Cell:
    """In a process of its own."""
    torch.set_num_threads(setup.threads)
    passes = min(config.num_validated_epochs, config.epochs)
    try:
        if setting.complete:
            train = SIDES[setup.side](setup, setting, config, device)
            return _complete(train, setting, min(config.batch_size, setting.num_images), passes)
        once = replace(config, epochs=1, num_validated_epochs=1)
        train = SIDES[setup.side](setup, setting, once, device)
        return extrapolate(train, setting, config, passes, _together)
    except BaseException:
        _barrier.abort()
        raise


def _complete(train: Train, setting: Setting, few_images: int, passes: int) -> Cell:
    train(few_images, 1)
    _together()
    return asdict(train(setting.num_images, passes))


def extrapolate(
    train: Train,
    setting: Setting,
    config: ClassifierConfig,
    passes: int,
    together: Callable[[], object],
) -> Cell:
    """Seconds of a training of `config.epochs`, from those of a few steps.

    Args:
        train: One epoch.
        passes: Validation passes of the whole training.
        together: Called before each piece, so that all processes are at it at once.
    """
    few = setting.warm_up_steps * config.batch_size
    timed = setting.timed_steps * config.batch_size
    train(few, 1)
    together()
    short = train(few, 0).wall_s
    together()
    long = train(few + timed, 0).wall_s
    together()
    validation_s = train(few, 1).validation_s * passes * setting.num_val / setting.timed_val
    image_s = max(long - short, 1e-9) / timed
    fixed_s = max(0.0, short - few * image_s)
    training_s = fixed_s + image_s * setting.num_images * config.epochs
    return {
        "wall_s": training_s + validation_s,
        "validation_s": validation_s,
        "fixed_s": fixed_s,
        "timed_steps": setting.timed_steps,
        "timed_s": long - short,
    }


def _num_held(setting: Setting, config: ClassifierConfig) -> tuple[int, int]:
    """Images and validation images in memory: what the setting says, or what is timed."""
    if setting.complete:
        return setting.num_images, setting.num_val
    steps = setting.warm_up_steps + setting.timed_steps
    return max(setting.num_images, steps * config.batch_size), setting.timed_val


def _val_images(setup: Setup, setting: Setting, config: ClassifierConfig) -> int:
    return setup.group * setting.num_val * min(config.num_validated_epochs, config.epochs)


def _now(device: str) -> float:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _counted(number: int, noun: str, plural: str) -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
