"""`HistoGAN`: what `rlsel.generators.seam.Generator` asks for, by the modules beside this one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from rlsel.data.decoding.resize import Size
from rlsel.data.image_set import ImageSet
from rlsel.generators.about import About
from rlsel.generators.histogan.checkpoint import LAYOUT, Checkpoint, about_of, from_stored
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.networks import nearest_sizes
from rlsel.generators.histogan.sampling import Sampler
from rlsel.generators.histogan.train import require_trainable, train_generator
from rlsel.generators.seam import Panel, Trained
from rlsel.machine.device import best_device


class HistoGAN:
    """The GAN, as runs, reports and the command line see it."""

    config = HistoGANConfig
    layout = LAYOUT
    panels = (
        Panel("Losses", {"loss_discriminator": "discriminator", "loss_generator": "generator"}),
        Panel("Spread of a class, real images = 1", {"spread": ""}, from_zero=True),
    )
    reading_aid = "A spread near 0 is a collapse."

    def nearest_sizes(self, size: Size) -> list[Size]:
        return nearest_sizes(size)

    def require_trainable(self, train: ImageSet) -> None:
        require_trainable(train)

    def about(self, config: HistoGANConfig, train: ImageSet, seed: int) -> About:
        return about_of(config, train, seed)

    def train(
        self,
        config: HistoGANConfig,
        train: ImageSet,
        seed: int,
        folder: Path,
        on_save: Callable[[], object],
    ) -> Trained[Checkpoint]:
        return train_generator(config, train, seed, folder, on_save)

    def load(self, stored: Mapping[str, Any], path: Path) -> Checkpoint:
        return from_stored(stored, path)

    def make_images(
        self, checkpoint: Checkpoint, latent_seeds: Sequence[int], labels: Int[np.ndarray, " n"]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        return Sampler(checkpoint, best_device()).images(latent_seeds, labels)
