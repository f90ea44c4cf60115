"""`Training`: the two networks and their adversarial training, step by step.

All random draws of a step follow from the seed and the step number. On a CPU, an interrupted
training therefore continues with bit-identical results. On a GPU it does not quite, because
reflection padding has no deterministic gradient there.

Shape letters: B images of a batch, Z noise, N training images.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import parametrize

from rlsel.classifier import Resident
from rlsel.classifier.resident import autocast, normalise
from rlsel.generators.histogan.augment import augment
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.losses import discriminator_loss, generator_loss
from rlsel.generators.histogan.networks import Discriminator, Generator
from rlsel.machine.device_memory import if_it_fits
from rlsel.seeding import derive_seed, rng

SMALLEST_PART = 4
"""Fewest images in a part of a batch; with fewer, the minibatch standard deviation means little."""


@dataclass(frozen=True)
class Draw:
    """The inputs of one discriminator or generator step, on the device of the images."""

    real_B: Int[Tensor, " b"]
    """Rows of the training images. Made images have the same labels as these."""
    noise_BZ: Float[Tensor, "b z"]
    augmentation_seed: int


class Training:
    """The networks, their optimisers, and the next step."""

    def __init__(self, config: HistoGANConfig, data: Resident, num_classes: int, seed: int) -> None:
        """Untrained networks.

        Args:
            data: The training images and their labels, on the device to train on.
        """
        self.config, self.data, self.seed = config, data, seed
        if data.device.type == "cuda":
            torch.backends.cudnn.deterministic = True
        height, width = data.images_NCHW.shape[2:]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "initial weights"))
            networks = (
                Generator(config, num_classes, (height, width)),
                Discriminator(config, num_classes, (height, width)),
                Generator(config, num_classes, (height, width)),
            )
        self.generator, self.discriminator, self.average = (
            network.to(data.device).to(memory_format=torch.channels_last) for network in networks
        )
        self.average.load_state_dict(self.generator.state_dict())
        self.average.requires_grad_(False)
        fused = data.device.type == "cuda"
        self.generator_optimiser, self.discriminator_optimiser = (
            torch.optim.Adam(network.parameters(), lr=lr, betas=config.betas, fused=fused)
            for network, lr in (
                (self.generator, config.lr_generator),
                (self.discriminator, config.lr_discriminator),
            )
        )
        self.step = 0
        """Finished steps."""
        self.num_parts = 1
        """Number of parts, processed in turn, into which a batch is cut if memory is short."""
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    @property
    def num_steps(self) -> int:
        """Steps of a whole training."""
        images_a_step = self.config.batch_size * self.config.discriminator_steps
        return -(-self.config.num_images // images_a_step)

    def run_step(self) -> dict[str, Tensor]:
        """One generator update after `discriminator_steps` of the discriminator.

        Returns:
            Losses, mean scores of real and made images, and gradient norms, on the device.
        """
        config = self.config
        told: dict[str, Tensor] = {}
        for turn in range(config.discriminator_steps):
            draw = self._draw(turn)
            told |= self._update(
                self.discriminator_optimiser,
                lambda part, draw=draw: self._discriminator_gradients(draw, part),
                "discriminator",
            )
        draw = self._draw(config.discriminator_steps)
        self.discriminator.requires_grad_(False)
        told |= self._update(
            self.generator_optimiser,
            lambda part: self._generator_gradients(draw, part),
            "generator",
        )
        self.discriminator.requires_grad_(True)
        self._move_average()
        self.step += 1
        return told

    def _discriminator_gradients(self, draw: Draw, part: slice) -> dict[str, Tensor]:
        labels_B = self.data.labels_N[draw.real_B[part]]
        real_BCHW = normalise(self.data.images_NCHW[draw.real_B[part]])
        with self._normalised(), autocast(self.data.device, self.config.precision):
            with torch.no_grad():
                made_BCHW = self.generator(draw.noise_BZ[part], labels_B)
            generator = _random(draw.augmentation_seed + part.start)
            of_real_B, of_made_B = (
                self.discriminator(self._augmented(images, generator), labels_B).float()
                for images in (real_BCHW, made_BCHW.float())
            )
            loss = discriminator_loss(self.config.loss, of_real_B, of_made_B)
        (loss * self._weight(part)).backward()
        return {
            "loss_discriminator": loss.detach(),
            "score_real": of_real_B.detach().mean(),
            "score_made": of_made_B.detach().mean(),
        }

    def _generator_gradients(self, draw: Draw, part: slice) -> dict[str, Tensor]:
        labels_B = self.data.labels_N[draw.real_B[part]]
        with self._normalised(), autocast(self.data.device, self.config.precision):
            made_BCHW = self.generator(draw.noise_BZ[part], labels_B).float()
            generator = _random(draw.augmentation_seed + part.start)
            scores_B = self.discriminator(self._augmented(made_BCHW, generator), labels_B).float()
            loss = generator_loss(self.config.loss, scores_B)
        (loss * self._weight(part)).backward()
        return {"loss_generator": loss.detach()}

    @contextmanager
    def _normalised(self) -> Iterator[None]:
        """Compute spectral norms once for all passes of a step, and in fp32. Inside autocast, CUDA
        would compute them in half precision."""
        with parametrize.cached():
            for network in (self.generator, self.discriminator):
                for module in network.modules():
                    if parametrize.is_parametrized(module, "weight"):
                        _ = module.weight
            yield

    def _augmented(self, images_BCHW: Tensor, generator: torch.Generator) -> Tensor:
        return augment(images_BCHW, self.config.augmentation, generator)

    def _update(
        self,
        optimiser: torch.optim.Optimizer,
        gradients: Callable[[slice], dict[str, Tensor]],
        name: str,
    ) -> dict[str, Tensor]:
        """One step of an optimiser. If memory runs out, the number of parts is doubled.

        The gradients of the parts add up to those of the whole batch, with one exception: batch
        normalisation and minibatch standard deviation see only the images of a part.
        """
        told = None
        while told is None:
            optimiser.zero_grad(set_to_none=True)
            attempt = partial(self._over_parts, gradients)
            if 2 * self.num_parts > self.config.batch_size // SMALLEST_PART:
                told = attempt()
            elif (told := if_it_fits(attempt)) is None:
                self.num_parts *= 2
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        longest = self.config.max_grad_norm or math.inf
        norm = nn.utils.clip_grad_norm_(parameters, longest)
        optimiser.step()
        means = {
            key: sum((self._weight(part) * one[key] for part, one in told), torch.zeros(()))
            for key in told[0][1]
        }
        return means | {f"grad_norm_{name}": norm}

    def _over_parts(
        self, gradients: Callable[[slice], dict[str, Tensor]]
    ) -> list[tuple[slice, dict[str, Tensor]]]:
        return [(part, gradients(part)) for part in self._parts()]

    def _parts(self) -> Iterator[slice]:
        size = -(-self.config.batch_size // self.num_parts)
        for start in range(0, self.config.batch_size, size):
            yield slice(start, min(start + size, self.config.batch_size))

    def _weight(self, part: slice) -> float:
        return (part.stop - part.start) / self.config.batch_size

    def _draw(self, turn: int) -> Draw:
        config, device = self.config, self.data.device
        seed = derive_seed(self.seed, "step", self.step, turn)
        noise_BZ = torch.randn(config.batch_size, config.noise_size, generator=_random(seed))
        place = min(turn, config.discriminator_steps - 1)  # the generator reuses the last labels
        first = (self.step * config.discriminator_steps + place) * config.batch_size
        return Draw(
            self._rows(first, config.batch_size).to(device),
            noise_BZ.to(device),
            derive_seed(seed, "augmentation"),
        )

    def _rows(self, first: int, count: int) -> Int[Tensor, " b"]:
        """Rows `first` to `first + count` of an endless sequence of shuffled training images."""
        rows: list[Tensor] = []
        while count:
            number, start = divmod(first, len(self.data))
            if self._order[0] != number:
                shuffled = rng(self.seed, "order", number).permutation(len(self.data))
                self._order = (number, torch.from_numpy(shuffled))
            rows.append(self._order[1][start : start + count])
            first, count = first + len(rows[-1]), count - len(rows[-1])
        return torch.cat(rows)

    @torch.no_grad()
    def _move_average(self) -> None:
        """Exponential moving average of weights, with a small decay at first; buffers are copied.

        Source: Yazici et al. 2019; the warm-up as in TensorFlow's ExponentialMovingAverage.
        """
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for average, present in pairs:
            average.lerp_(present, 1 - decay)
        buffers = zip(self.average.buffers(), self.generator.buffers(), strict=True)
        for copy, present in buffers:
            copy.copy_(present)


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
