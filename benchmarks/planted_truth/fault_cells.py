"""The work: one full training on real images and a dose of one kind, scored on the test split.

Each seed has real images, fresh images and initial weights of its own; the smaller real set lies
within the larger. Whatever is added takes the same places, so order and augmentation are shared.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlsel import metrics
from rlsel.classifier import ClassifierConfig, Resident, Trainer, predict
from rlsel.classifier.fit import RECIPE
from rlsel.data import load_splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.data.stratify import draw
from rlsel.experiment.config import load_experiment
from rlsel.machine.device import best_device
from rlsel.seeding import derive_seed, rng

from .faults import BLUR_PX, KINDS, ORIGINALS_PER_CLASS, STAIN_TIMES

CONFIG = Path(__file__).parents[2] / "tune_configs" / "pcam_planted.yaml"
NUM_SEEDS = 5
NOTHING = "nothing"


@dataclass(frozen=True)
class Setting:
    """A number of real images, how long is trained, and how many images are added."""

    num_real: int
    epochs: int
    doses: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.num_real} real, {self.epochs} epochs"


SETTINGS = (
    # Half of the real images, as many, twice as many: few real images have a larger pool.
    Setting(100, 10, (50, 100, 200)),
    # A quarter, half, as many: what one kind comes to among the 1,024 candidates of the config.
    Setting(500, 10, (125, 250, 500)),
    # 10 epochs of 100 images are 16 steps, and whatever adds steps helps; 50 epochs are as many
    # steps as 500 images get.
    Setting(100, 50, (50, 100, 200)),
)
MOST_REAL = max(setting.num_real for setting in SETTINGS)
MOST_ADDED = max(max(setting.doses) for setting in SETTINGS)


@dataclass(frozen=True)
class FaultCell:
    """One training."""

    setting: Setting
    kind: str
    """Of `faults.KINDS`, or `nothing`."""
    dose: int
    seed: int

    @property
    def key(self) -> str:
        return f"{self.setting.name} | {self.kind} | {self.dose} | {self.seed}"


def all_cells() -> Iterator[FaultCell]:
    """Seed by seed, so that what is there at any time is balanced."""
    for seed in range(NUM_SEEDS):
        for setting in SETTINGS:
            for kind, dose in kinds_and_doses(setting):
                yield FaultCell(setting, kind, dose, seed)


def kinds_and_doses(setting: Setting) -> list[tuple[str, int]]:
    return [(NOTHING, 0), *((kind, dose) for kind in KINDS for dose in setting.doses)]


@dataclass(frozen=True)
class Source:
    """The images that everything is drawn from."""

    training: ImageSet
    """All of the training split."""
    test: ImageSet
    classifier: ClassifierConfig


@cache
def source() -> Source:
    torch.set_num_threads(1)
    experiment = load_experiment(CONFIG)
    splits = load_splits(experiment.data, experiment.seed)
    assert splits.held_back is not None
    training = concatenate([splits.train, splits.held_back])
    return Source(training, splits.test, experiment.classifier)


def what_is_measured() -> dict[str, Any]:
    """What the cells of one record must agree on."""
    return {
        **{f"classifier.{name}": value for name, value in asdict(source().classifier).items()},
        "recipe": RECIPE,
        "training_images": [len(source().training), source().training.digest],
        "test_images": [len(source().test), source().test.digest],
        "doses": {setting.name: list(setting.doses) for setting in SETTINGS},
        "blur_px": BLUR_PX,
        "stain_times": list(STAIN_TIMES),
        "originals_per_class": ORIGINALS_PER_CLASS,
    }


def train(cell: FaultCell) -> dict[str, Any]:
    """Train on the real images and the dose; accuracy, AUC and recalibrated log-loss on test."""
    setting = cell.setting
    real, fresh = draw_images(source().training, setting, cell.seed)
    kind = "good" if cell.kind == NOTHING else cell.kind
    added = KINDS[kind](fresh, real, rng(cell.seed, "fault", kind))
    images = np.concatenate([real.images, added.images_NHW3])
    labels = np.concatenate([real.labels, added.labels_N])
    data = Resident.put(images, labels, best_device())
    config = replace(source().classifier, epochs=setting.epochs)
    start = time.perf_counter()
    trainer = Trainer(config, data, real.num_classes)
    rows = torch.arange(setting.num_real + cell.dose)
    fitted = trainer.fit(rows, derive_seed(cell.seed, "fault training"))
    seconds = time.perf_counter() - start
    test = Resident.put(source().test.images, source().test.labels, best_device())
    logits_NC = predict(fitted.model, test, config.precision).cpu().numpy()
    labels_N = source().test.labels
    return {
        "seconds": round(seconds, 2),
        "accuracy": metrics.accuracy(logits_NC, labels_N),
        "auc": metrics.auc(logits_NC, labels_N),
        "log_loss": metrics.recalibrated_log_loss(logits_NC, labels_N),
    }


def draw_images(training: ImageSet, setting: Setting, seed: int) -> tuple[ImageSet, ImageSet]:
    """Real images with the class proportions of the whole, and fresh ones, class by class in turn.

    All settings take their fresh images from the start of the same row, none of which is ever real.
    """
    drawn, left = draw(training.labels, MOST_REAL, rng(seed, "real"))
    most, rest = training.take(drawn), training.take(left)
    chosen, _ = draw(most.labels, setting.num_real, rng(seed, "real", setting.num_real))
    generator = rng(seed, "fresh")
    by_class = [
        generator.permutation(np.flatnonzero(rest.labels == label))[:MOST_ADDED]
        for label in range(rest.num_classes)
    ]
    in_turn = np.stack(by_class, axis=1).ravel()
    return most.take(chosen), rest.take(in_turn[: max(setting.doses)])
