"""Progress of a training: figures in `steps.jsonl` and TensorBoard, and grids of images."""

import math
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from rlsel.data.image_set import ImageSet
from rlsel.data.tiles import lay_out, to_png
from rlsel.generators.histogan.alarms import excess_pattern, spread
from rlsel.generators.histogan.sampling import calibrate, make, noise_of, to_uint8
from rlsel.generators.histogan.training import Training
from rlsel.generators.training_folder import STEPS, grid_at
from rlsel.machine.atomic_files import write_bytes
from rlsel.machine.event_file import EventFile
from rlsel.machine.json_files import write_json_lines

TENSORBOARD = "tensorboard"
NUM_SHOWN = 16
"""Images of a class in a grid."""
NUM_MADE, NUM_REAL = 64, 256
"""Made and real images of each class that are compared. `NUM_SHOWN` would be too few: the shared
pattern of so few images is mostly chance."""


class Watcher:
    """Writes the figures and grids of a training, and continues those of an interrupted one."""

    def __init__(self, folder: Path, train: ImageSet, rows: Sequence[dict[str, Any]]) -> None:
        """Begin, or continue after `rows`."""
        self._folder, self._class_counts = folder, list(train.counts.values())
        self.rows = list(rows)
        firsts = [np.flatnonzero(train.labels == c)[:NUM_REAL] for c in range(train.num_classes)]
        self._real = [train.images[rows] for rows in firsts]
        self._sums: dict[str, Tensor] = {}
        self._num_steps, self._num_images = 0, 0
        self._spent_s = self.rows[-1]["seconds"] if self.rows else 0.0
        self._started = time.monotonic()
        self._events = EventFile(folder / TENSORBOARD)
        for row in self.rows:
            grid = grid_at(folder, row["step"])
            self._to_board(row, np.asarray(Image.open(grid)) if grid.exists() else None)

    def close(self) -> None:
        self._events.close()

    def add(self, told: dict[str, Tensor], num_images: int) -> None:
        """Add the figures of a step; they stay on the device until the next `show`."""
        self._sums = {name: self._sums.get(name, 0) + value for name, value in told.items()}
        self._num_steps += 1
        self._num_images += num_images

    def show(self, training: Training) -> dict[str, Any]:
        """Write a row of means since the last row, and an image grid of the averaged generator."""
        made = self._made(training)
        grid = lay_out([list(row[:NUM_SHOWN]) for row in made])
        write_bytes(grid_at(self._folder, training.step), to_png(grid))
        seconds = time.monotonic() - self._started
        row = {"step": training.step, "images": training.step * _images_a_step(training)}
        row |= {name: float(total) / self._num_steps for name, total in self._sums.items()}
        row |= {"spread": spread(made, self._real), "pattern": excess_pattern(made, self._real)}
        row["images_per_s"] = self._num_images / seconds
        self._spent_s += seconds
        row["seconds"] = self._spent_s
        self.rows.append(row)
        write_json_lines(self._folder / STEPS, self.rows)
        self._to_board(row, grid)
        self._sums, self._num_steps, self._num_images = {}, 0, 0
        self._started = time.monotonic()
        return row

    def _made(self, training: Training) -> list[UInt8[np.ndarray, "n h w 3"]]:
        """Images of each class, made like candidates. The noise is the same for all steps and
        classes."""
        config, device = training.config, training.data.device
        noise_BZ = noise_of(range(NUM_MADE), config.noise_size)
        network = deepcopy(training.average).eval()
        calibrate(network, config, self._class_counts, device)
        return [
            to_uint8(make(network, noise_BZ, torch.full((NUM_MADE,), c), device, "fp32"))
            for c in range(len(self._class_counts))
        ]

    def _to_board(self, row: dict[str, Any], grid: np.ndarray | None) -> None:
        figures = {
            f"training/{name}": float(value)
            for name, value in row.items()
            if name not in ("step", "seconds") and math.isfinite(value)
        }
        self._events.add(figures, row["step"])
        if grid is not None:
            self._events.add_image("made", grid, row["step"])
        self._events.flush()


def _images_a_step(training: Training) -> int:
    return training.config.batch_size * training.config.discriminator_steps
