"""A training on disk: everything needed to continue it or to sample from it, in one file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from rlsel.data.image_set import ImageSet
from rlsel.generators.about import About
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.training import Training
from rlsel.generators.training_folder import read_stored, refusing_damage, require_layout
from rlsel.machine.atomic_files import write_bytes

LAYOUT = 3
NOT_OF_TRAINING = ("num_per_class", "classes", "show_every", "save_every")
"""Settings that change no weight, so a checkpoint may be used with other values of them."""


def about_of(config: HistoGANConfig, train: ImageSet, seed: int) -> About:
    """What a training on `train` belongs to."""
    return About.of(config, train, seed, but=NOT_OF_TRAINING)


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
    return from_stored(read_stored(path), path)


def from_stored(stored: Mapping[str, Any], path: Path) -> Checkpoint:
    """The checkpoint that a file holds.

    Raises:
        InputError: it is damaged, or another version wrote it.
    """
    require_layout(path, stored, LAYOUT)
    with refusing_damage(path):
        about = About(**stored["about"])
        return Checkpoint(about, stored["step"], stored["num_parts"], stored["weights"])


def restore(training: Training, checkpoint: Checkpoint) -> None:
    """Set a training to the state of a checkpoint."""
    for part in PARTS:
        getattr(training, part).load_state_dict(checkpoint.weights[part])
    training.step, training.num_parts = checkpoint.step, checkpoint.num_parts
