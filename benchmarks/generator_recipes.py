"""Which recipe makes the best candidates of 500 real patches, told by validation images alone.

    python benchmarks/generator_recipes.py [--processes 2]

Each recipe trains the GAN of tune_configs/pcam_small.yaml anew, on a draw of real images that no
record of whole runs has; a ResNet34 learns its candidates alone, and real images with candidates.
Test is never read. Needs shared/data/pcam; RLSEL_SHARED says where `shared` is. Every finished
recipe is written at once to benchmarks/records/generator_recipes.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from recording import Cell, CellRecord

from rlsel.data import ImageSet, concatenate, load_splits
from rlsel.data.pattern import pattern_by_class
from rlsel.experiment.config import load_experiment
from rlsel.generators.candidates import make_candidates
from rlsel.generators.histogan.config import Augmentation, HistoGANConfig
from rlsel.generators.histogan.train import train_generator
from rlsel.quality.classification import classification_accuracy_score
from rlsel.seeding import derive_seed

CONFIG = Path(__file__).parent.parent / "tune_configs" / "pcam_small.yaml"
RECORD = Path(__file__).parent / "records" / "generator_recipes.json"
DRAWS = (10,)
ROUNDS = 2
REAL = "real images"


@dataclass(frozen=True)
class Recipe:
    """What is tried; all else is as in the config."""

    augmentation: tuple[Augmentation, ...]
    num_images: int

    @property
    def name(self) -> str:
        return f"{', '.join(self.augmentation) or 'nothing'} | {self.num_images}"


RECIPES = (
    Recipe(("flip",), 60_000),
    Recipe(("flip", "colour"), 60_000),
    Recipe((), 60_000),
    Recipe(("colour", "translation", "cutout"), 60_000),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=2, help="recipes at a time")
    arguments = parser.parse_args()
    record = CellRecord(RECORD, _what_is_measured(), _summarise, n=len(DRAWS) * ROUNDS)
    work: dict[str, Callable[[], Cell]] = {}
    for seed in DRAWS:
        for recipe in RECIPES:
            work[f"{recipe.name} | {seed}"] = partial(measure, recipe, seed)
        work[f"{REAL} | {seed}"] = partial(measure_real, seed)
    record.fill_in_processes("recipes", work, arguments.processes)
    record.write()


def measure(recipe: Recipe, seed: int) -> Cell:
    """Train it, and `ROUNDS` classifiers on its candidates, with and without real images."""
    torch.set_num_threads(1)
    train = load_splits(load_experiment(CONFIG).data, seed).train
    config = replace(_base(), augmentation=recipe.augmentation, num_images=recipe.num_images)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trained = train_generator(config, train, seed, Path(folder))
    seconds = time.perf_counter() - begin
    candidates = make_candidates(trained.checkpoint, config.num_per_class, seed).candidates
    return {
        "seconds_of_training": seconds,
        "alone": _accuracies(candidates, seed),
        "with_real": _accuracies(concatenate([train, candidates]), seed),
        "pattern": pattern_by_class(candidates),
        "warnings": list(trained.warnings),
    }


def measure_real(seed: int) -> Cell:
    """What candidates have to add something to."""
    torch.set_num_threads(1)
    train = load_splits(load_experiment(CONFIG).data, seed).train
    return {"alone": _accuracies(train, seed)}


def _accuracies(images: ImageSet, seed: int) -> list[float]:
    """On validation, of classifiers that learn these images."""
    experiment = load_experiment(CONFIG)
    splits = load_splits(experiment.data, seed)
    validation = concatenate([splits.reward_val, splits.selection_val])
    seeds = [derive_seed(seed, "round", number) for number in range(ROUNDS)]
    device = torch.device("cpu")
    scores = classification_accuracy_score(images, validation, experiment.classifier, seeds, device)
    return scores["accuracy"]


def _base() -> HistoGANConfig:
    generator = load_experiment(CONFIG).generator
    assert generator is not None
    return generator


def _what_is_measured() -> dict[str, Any]:
    tried = set(asdict(RECIPES[0])) | {"show_every", "save_every"}
    experiment = load_experiment(CONFIG)
    return {
        "generator": {k: v for k, v in asdict(_base()).items() if k not in tried},
        "classifier": asdict(experiment.classifier),
        "num_train": experiment.data.num_train,
        "size_px": experiment.data.size_px,
        "rounds": ROUNDS,
    }


def _summarise(cells: dict[str, Cell]) -> dict[str, Any]:
    """Recipe -> its validation accuracies, of all draws and rounds."""
    of_name: dict[str, list[Cell]] = {}
    for key, cell in cells.items():
        of_name.setdefault(key.rpartition(" | ")[0], []).append(cell)
    return {
        name: {
            **{
                learned: [accuracy for cell in found for accuracy in cell[learned]]
                for learned in ("alone", "with_real")
                if learned in found[0]
            },
            "num_draws": len(found),
        }
        for name, found in of_name.items()
    }


if __name__ == "__main__":
    main()
