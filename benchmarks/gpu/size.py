"""How large the checks of the part `correct` are, and the images that they take."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from rlsel.classifier import ClassifierConfig, Resident
from rlsel.data import ImageSet
from rlsel.generators.histogan.config import HistoGANConfig


@dataclass(frozen=True)
class Size:
    """Of one machine."""

    device: torch.device
    size_px: int
    num_images: int
    batch_size: int
    num_compared: int
    """Images whose gradients are computed on the CPU as well."""
    gan: HistoGANConfig

    def classifier(self, **changed: object) -> ClassifierConfig:
        """A short training."""
        settings = {"epochs": 2, "batch_size": self.batch_size, "num_validated_epochs": 1}
        return ClassifierConfig(**(settings | changed))  # pyright: ignore[reportArgumentType]

    def resident(self, num: int | None = None, device: torch.device | None = None) -> Resident:
        images = image_set("image", num or self.num_images, self.size_px)
        return Resident.put(images.images, images.labels, device or self.device)


def size_on(device: torch.device) -> Size:
    """The paper's size on a GPU, a rehearsal's on a CPU."""
    if device.type == "cuda":
        return Size(device, 96, 1024, 256, 32, HistoGANConfig())
    small = HistoGANConfig(channels=8, max_channels=16, batch_size=16, noise_size=16)
    return Size(device, 32, 96, 16, 16, small)


@cache
def image_set(name: str, num: int, size_px: int) -> ImageSet:
    """Noise, brighter in class 1, so that there is something to learn."""
    labels_N = np.arange(num) % 2
    shape = (num, size_px, size_px, 3)
    images = np.random.default_rng(num).integers(0, 156, shape, np.uint8)
    images[labels_N == 1] += 60
    ids = np.array([f"{name}-{i:05d}" for i in range(num)])
    return ImageSet(images, labels_N, ("dark", "bright"), ids)
