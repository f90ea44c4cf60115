"""A training on disk: everything needed to continue it or to sample from it, in one file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.training import Training
from rlsel.machine.atomic_files import write_bytes
from rlsel.pool.pool import short_digests

LAYOUT = 3
NOT_OF_TRAINING = ("num_per_class", "classes", "show_every", "save_every")
"""Settings that change no weight, so a checkpoint may be used with other values of them."""


@dataclass(frozen=True)
class About:
    """The inputs that identify a training."""

    settings: dict[str, Any]
    """Settings of the `HistoGANConfig` on which the weights depend."""
    class_names: list[str]
    size: list[int]
    """Height and width of an image."""
    class_counts: list[int]
    """Training images of each class."""
    train_digest: str
    train_images: list[str]
    """`pool.pool.short_digests` of the training images, so that a run never tests on them."""
    seed: int

    @classmethod
    def of(cls, config: HistoGANConfig, train: ImageSet, seed: int) -> "About":
        """Describe a training on `train`."""
        settings = {k: v for k, v in asdict(config).items() if k not in NOT_OF_TRAINING}
        height, width = train.images.shape[1:3]
        return cls(
            settings={k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
            class_names=list(train.class_names),
            size=[height, width],
            class_counts=list(train.counts.values()),
            train_digest=train.digest,
            train_images=short_digests(train).tolist(),
            seed=seed,
        )


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after a step."""

    about: About
    step: int
    num_parts: int
    weights: Mapping[str, Mapping[str, Any]]
    """State dicts on the CPU: generator, discriminator, average, and both optimisers."""

    @property
    def model_hash(self) -> str:
        """Hash of the averaged weights, with which images are made: 16 hex digits."""
        state = blake2b(digest_size=8)
        for name, value in sorted(self.weights["average"].items()):
            state.update(name.encode())
            state.update(value.contiguous().numpy().tobytes())
        return state.hexdigest()


PARTS = ("generator", "discriminator", "average", "generator_optimiser", "discriminator_optimiser")


def save_checkpoint(path: Path, training: Training, about: About) -> None:
    """Write a checkpoint, completely or not at all.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    stored = {
        "layout": LAYOUT,
        "about": asdict(about),
        "step": training.step,
        "num_parts": training.num_parts,
        "weights": {part: getattr(training, part).state_dict() for part in PARTS},
    }
    buffer = BytesIO()  # torch.save to a file would hide that the disk is full
    torch.save(stored, buffer)
    write_bytes(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: there is none, it is damaged, or another version wrote it.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such checkpoint")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if stored["layout"] != LAYOUT:
            raise InputError(
                f"{path}: was written by another version of rlsel (layout {stored['layout']}, "
                f"this one reads {LAYOUT}): remove it to train anew"
            )
        about = About(**stored["about"])
        return Checkpoint(about, stored["step"], stored["num_parts"], stored["weights"])
    except InputError:
        raise
    except Exception:  # torch raises many kinds of errors on damaged files
        raise InputError(
            f"{path}: is no checkpoint of a generator, or a damaged one; give another, or "
            "remove it to train anew"
        ) from None


def restore(training: Training, checkpoint: Checkpoint) -> None:
    """Set a training to the state of a checkpoint."""
    for part in PARTS:
        getattr(training, part).load_state_dict(checkpoint.weights[part])
    training.step, training.num_parts = checkpoint.step, checkpoint.num_parts


def require_same(path: Path, found: About, wanted: About) -> None:
    """Refuse a checkpoint of another training.

    Raises:
        InputError: settings or images differ; the message names the differences.
    """
    differences = [
        f"{name} is {found.settings.get(name)!r} there and {value!r} here"
        for name, value in wanted.settings.items()
        if found.settings.get(name) != value
    ]
    differences += [
        f"{what} {getattr(found, name)!r} there and {getattr(wanted, name)!r} here"
        for name, what in (
            ("class_names", "classes are"),
            ("size", "size is"),
            ("train_digest", "training images are"),
            ("seed", "seed is"),
        )
        if getattr(found, name) != getattr(wanted, name)
    ]
    if differences:
        raise InputError(
            f"{path}: is of another training ({'; '.join(differences)}); choose another --out"
        )
