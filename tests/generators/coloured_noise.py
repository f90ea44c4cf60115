"""A generator of a millisecond: noise around the mean colour of a class. Nothing is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from rlsel.data.decoding.resize import Size
from rlsel.data.image_set import ImageSet
from rlsel.data.tiles import lay_out, to_png
from rlsel.errors import InputError
from rlsel.generators.about import About, require_same
from rlsel.generators.seam import Panel, Trained
from rlsel.generators.training_folder import (
    CHECKPOINT,
    STEPS,
    grid_at,
    read_rows,
    read_stored,
    require_layout,
)
from rlsel.machine.atomic_files import write_bytes
from rlsel.machine.json_files import write_json_lines
from rlsel.schema import config


@config
class ColouredNoiseConfig:
    """Noise."""

    name: Literal["coloured_noise"] = "coloured_noise"
    num_per_class: int = 9
    classes: tuple[str, ...] | None = None
    strength: Annotated[float, Field(gt=0)] = 20.0


@dataclass(frozen=True)
class ColouredNoiseCheckpoint:
    about: About
    colours: np.ndarray

    @property
    def model_hash(self) -> str:
        return blake2b(self.colours.tobytes(), digest_size=8).hexdigest()


class ColouredNoise:
    config = ColouredNoiseConfig
    layout = 1
    panels = (Panel("Doubt", {"doubt": "of the class", "regret": "of the day"}, from_zero=True),)
    reading_aid = "Doubt that grows is a bad sign."
    num_trained = 0

    def nearest_sizes(self, size: Size) -> list[Size]:
        return [size]

    def require_trainable(self, train: ImageSet) -> None:
        if "grey" in train.class_names:
            raise InputError("generator: grey has no colour")

    def about(self, config: ColouredNoiseConfig, train: ImageSet, seed: int) -> About:
        return About.of(config, train, seed, but=("num_per_class", "classes"))

    def train(
        self,
        config: ColouredNoiseConfig,
        train: ImageSet,
        seed: int,
        folder: Path,
        on_save: Callable[[], object],
    ) -> Trained[ColouredNoiseCheckpoint]:
        about, path = self.about(config, train, seed), folder / CHECKPOINT
        if not path.exists():
            self.num_trained += 1
            self._train(train, about, folder)
            on_save()
        checkpoint = self.load(read_stored(path), path)
        require_same(path, checkpoint.about, about)
        return Trained(checkpoint, read_rows(folder), ["it is noise"])

    def _train(self, train: ImageSet, about: About, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        colours = [train.images[train.labels == c].mean((0, 1, 2)) for c in range(2)]
        rows = [{"step": s, "images": 9 * s, "doubt": 1 / s, "regret": 2.0} for s in (1, 2, 3)]
        write_json_lines(folder / STEPS, rows)
        write_bytes(grid_at(folder, 3), to_png(lay_out([list(train.images[:2])])))
        stored = {"layout": 1, "about": asdict(about), "colours": np.stack(colours).tolist()}
        torch.save(stored, folder / CHECKPOINT)

    def load(self, stored: Mapping[str, Any], path: Path) -> ColouredNoiseCheckpoint:
        require_layout(path, stored, self.layout)
        return ColouredNoiseCheckpoint(About(**stored["about"]), np.array(stored["colours"]))

    def make_images(
        self, checkpoint: ColouredNoiseCheckpoint, latent_seeds: Sequence[int], labels: np.ndarray
    ) -> np.ndarray:
        about = checkpoint.about
        noise = [
            np.random.default_rng(seed).normal(0, about.settings["strength"], (*about.size, 3))
            for seed in latent_seeds
        ]
        images = checkpoint.colours[labels][:, None, None] + np.stack(noise)
        return images.clip(0, 255).astype(np.uint8)
