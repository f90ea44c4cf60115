"""Images made by a trained generator, each from a latent seed of its own.

Shape letters: B images of a chunk, Z noise.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from pydantic import TypeAdapter
from torch import Tensor, nn

from rlsel.classifier.resident import autocast
from rlsel.generators.histogan.checkpoint import Checkpoint
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.networks import Generator
from rlsel.machine.device import Precision
from rlsel.machine.device_memory import in_chunks, room_for
from rlsel.machine.progress import progress_bar
from rlsel.seeding import derive_seed

CHUNK = 256
CALIBRATION_BATCHES = 16
REMEDY = "free the GPU, or hide it (CUDA_VISIBLE_DEVICES=) to make candidates on the CPU"


class Sampler:
    """The averaged generator, ready to make images.

    Its batch-normalisation statistics are recomputed for the averaged weights ("standing
    statistics", Brock et al. 2019), because training computed them for other weights. With fixed
    statistics, an image depends only on its class and latent seed, not on the rest of its batch.
    """

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        about = checkpoint.about
        self._config = config_of(checkpoint)
        self._device = device
        self.network = Generator(
            self._config, len(about.class_names), (about.size[0], about.size[1])
        )
        self.network.load_state_dict(checkpoint.weights["average"])
        self.network.to(device).to(memory_format=torch.channels_last).eval()
        with room_for(f"a batch of {self._config.batch_size} candidates", REMEDY):
            calibrate(self.network, self._config, about.class_counts, device)

    def images(
        self, latent_seeds: Sequence[int], labels: Int[np.ndarray, " n"]
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """One image for every latent seed and label, in smaller chunks if memory is short.

        Raises:
            DeviceFullError: even a single image does not fit the device.
        """
        noise_NZ = noise_of(latent_seeds, self._config.noise_size)
        labels_N = torch.from_numpy(labels)

        def chunk_of(chunk: slice) -> np.ndarray:
            # In fp32, because the rounding of bf16 varies with the size of the chunk.
            noise_BZ, labels_B = noise_NZ[chunk], labels_N[chunk]
            return to_uint8(make(self.network, noise_BZ, labels_B, self._device, "fp32"))

        made: list[np.ndarray] = []
        with (
            progress_bar("candidates", len(labels_N)) as bar,
            room_for("a single candidate at a time", REMEDY),
        ):
            for images in in_chunks(chunk_of, len(labels_N), CHUNK):
                made.append(images)
                bar.advance(len(images))
        return np.concatenate(made)


def calibrate(
    network: nn.Module, config: HistoGANConfig, class_counts: Sequence[int], device: torch.device
) -> None:
    """Recompute the statistics of batch normalisation over batches like those of training.

    Args:
        class_counts: Training images of each class; classes are drawn in these proportions.
    """
    shares_C = torch.tensor(class_counts, dtype=torch.float64)
    with _fresh_statistics(network):
        for batch in range(CALIBRATION_BATCHES):
            generator = torch.Generator().manual_seed(derive_seed(0, "calibration", batch))
            noise_BZ = torch.randn(config.batch_size, config.noise_size, generator=generator)
            labels_B = torch.multinomial(
                shares_C, config.batch_size, replacement=True, generator=generator
            )
            make(network, noise_BZ, labels_B, device, config.precision)


def config_of(checkpoint: Checkpoint) -> HistoGANConfig:
    """The settings that a checkpoint was trained with."""
    # Validated as JSON, which accepts lists for tuples.
    return TypeAdapter(HistoGANConfig).validate_json(json.dumps(checkpoint.about.settings))


def noise_of(latent_seeds: Sequence[int], size: int) -> Float[Tensor, "n z"]:
    """The noise of each latent seed, one row each, drawn on the CPU to be the same on every
    machine."""
    rows = [torch.randn(size, generator=torch.Generator().manual_seed(s)) for s in latent_seeds]
    return torch.stack(rows)


@torch.inference_mode()
def make(
    network: nn.Module,
    noise_BZ: Float[Tensor, "b z"],
    labels_B: Int[Tensor, " b"],
    device: torch.device,
    precision: Precision,
) -> Float[Tensor, "b 3 h w"]:
    """Images in [-1, 1], float32."""
    with autocast(device, precision):
        return network(noise_BZ.to(device), labels_B.to(device)).float()


def to_uint8(images_BCHW: Float[Tensor, "b 3 h w"]) -> UInt8[np.ndarray, "b h w 3"]:
    scaled = images_BCHW.add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()


@contextmanager
def _fresh_statistics(network: nn.Module) -> Iterator[None]:
    """Reset all batch normalisations, and let them average over the batches run inside."""
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    try:
        yield
    finally:
        network.eval()
