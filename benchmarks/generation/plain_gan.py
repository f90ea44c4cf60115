"""The peer of the GAN's training: the same networks, losses and augmentation, in plain torch.

fp32, contiguous, nothing compiled: what a competent user would write from the papers.

Shape letters: B images of a batch, N training images, Z noise.
"""

import copy

import torch

from rlsel.generators.histogan.augment import augment
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.losses import discriminator_loss, generator_loss
from rlsel.generators.histogan.networks import Discriminator, Generator


class PlainTraining:
    """Networks and optimisers; `run_step` as ours has it."""

    def __init__(
        self, config: HistoGANConfig, images_NCHW: torch.Tensor, labels_N: torch.Tensor
    ) -> None:
        """Start anew.

        Args:
            images_NCHW: uint8, on the device to train on, as is `labels_N`.
        """
        self.config, self.images_NCHW, self.labels_N = config, images_NCHW, labels_N
        self.device = images_NCHW.device
        num_classes = int(labels_N.max()) + 1
        height, width = images_NCHW.shape[2:]
        torch.manual_seed(0)
        self.generator = Generator(config, num_classes, (height, width)).to(self.device)
        self.discriminator = Discriminator(config, num_classes, (height, width)).to(self.device)
        self.average = copy.deepcopy(self.generator)
        self.generator_optimiser = torch.optim.Adam(
            self.generator.parameters(), lr=config.lr_generator, betas=config.betas
        )
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.lr_discriminator, betas=config.betas
        )
        self.random = torch.Generator().manual_seed(0)

    def run_step(self) -> None:
        config = self.config
        for _ in range(config.discriminator_steps):
            real_BCHW, labels_B = self._real()
            with torch.no_grad():
                made_BCHW = self.generator(self._noise(), labels_B)
            loss = discriminator_loss(
                config.loss, self._score(real_BCHW, labels_B), self._score(made_BCHW, labels_B)
            )
            self.discriminator_optimiser.zero_grad()
            loss.backward()
            self.discriminator_optimiser.step()
        _, labels_B = self._real()
        made_BCHW = self.generator(self._noise(), labels_B)
        loss = generator_loss(config.loss, self._score(made_BCHW, labels_B))
        self.generator_optimiser.zero_grad()
        loss.backward()
        self.generator_optimiser.step()
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
            for average, present in pairs:
                average.lerp_(present, 1 - config.ema_decay)

    def _real(self) -> tuple[torch.Tensor, torch.Tensor]:
        rows_B = torch.randint(len(self.labels_N), (self.config.batch_size,)).to(self.device)
        return self.images_NCHW[rows_B].float() / 127.5 - 1, self.labels_N[rows_B]

    def _noise(self) -> torch.Tensor:
        return torch.randn(self.config.batch_size, self.config.noise_size, device=self.device)

    def _score(self, images_BCHW: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
        seen_BCHW = augment(images_BCHW, self.config.augmentation, self.random)
        return self.discriminator(seen_BCHW, labels_B)
