"""A GAN of a second: 16 px, a few channels, a few steps."""

from pathlib import Path
from typing import Any

import numpy as np

from rlsel.data.image_set import ImageSet
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.train import train_generator
from rlsel.generators.seam import Trained

SIZE = (16, 32)
BATCH, STEPS = 6, 5


def small_config(**changed: Any) -> HistoGANConfig:
    settings: dict[str, Any] = {
        "channels": 4,
        "max_channels": 8,
        "noise_size": 11,
        "class_embedding_size": 5,
        "batch_size": BATCH,
        "num_images": BATCH * STEPS,
        "show_every": 2,
        "save_every": 2,
        "precision": "fp32",
    }
    return HistoGANConfig(**settings | changed)


def small_train(num: int = 26, num_classes: int = 2) -> ImageSet:
    """Noise; images of a class share a colour."""
    rng = np.random.default_rng(0)
    labels = np.arange(num) % num_classes
    images = rng.integers(0, 200, (num, *SIZE, 3)) + 20 * labels[:, None, None, None]
    names = tuple(f"class {c}" for c in range(num_classes))
    ids = np.array([f"train/{i}" for i in range(num)])
    return ImageSet(images.astype(np.uint8), labels, names, ids)


def train(folder: Path, seed: int = 0, **changed: Any) -> Trained:
    return train_generator(small_config(**changed), small_train(), seed, folder)
