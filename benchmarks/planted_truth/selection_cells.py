"""What selections are for: a ResNet34 trained afresh on real + selected, scored on test.

Shape letters: N candidates.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlsel import metrics
from rlsel.algorithms.policy import keep_most_probable
from rlsel.classifier import Resident, Trainer, predict, recipe_of
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.experiment.config import build_experiment, load_experiment, merge
from rlsel.machine.device import best_device
from rlsel.seeding import derive_seed, rng

from .beds import build_bed, hash_of
from .learning import Cell, config_hash, learned_probabilities, prepare
from .material import CACHE, CONFIG, material

BED = "labels_plain"
DRAWS = (10, 11, 12)
NUM_SEEDS = 5
ITERATIONS = 8
IMAGES_SEEN = 6_000
"""By every training, repetitions counted: 100 real images alone would otherwise be done after a
sixth of the steps, and anything that adds steps would help (fault_truth)."""
LEARNED: dict[str, dict[str, Any]] = {
    "controller": {},
    "controller, ridge": {"algorithm": {"credit": {"name": "ridge"}}},
    "controller, factored": {"algorithm": {"credit": {"name": "factored", "own": 0.0}}},
    "MLP, factored": {
        "controller": {"name": "mlp"},
        "algorithm": {"credit": {"name": "factored", "own": 0.0}},
    },
    "paper": {"preset": "paper", "reward": {"fidelity": "probe"}},
}
WITHOUT_BUDGET = ("real_only", "keep_all", "oracle")
PLAIN = (*WITHOUT_BUDGET, "uniform", "own_distance", "knn_label_agreement", "label_log_probability")


def learned_cells() -> Iterator[tuple[str, tuple[str, int]]]:
    """Key, and method and draw: what has to be learned first."""
    for draw in DRAWS:
        for method in LEARNED:
            settings = config_hash(_learning(method, draw))
            yield f"learned | {BED} | {method} | {draw} | {settings}", (method, draw)


@dataclass(frozen=True)
class SelectionCell:
    """One training."""

    draw: int
    method: str
    seed: int

    @property
    def key(self) -> str:
        classifier = load_experiment(CONFIG).classifier
        settings = [recipe_of(classifier), IMAGES_SEEN, self._settings_of_mask()]
        digest = hash_of(BED, settings)
        return f"selection | {BED} | {self.method} | {self.draw} | {self.seed} | {digest}"

    def _settings_of_mask(self) -> str | None:
        if self.method in WITHOUT_BUDGET:
            return None
        method = self.method if self.method in LEARNED else "controller"
        return config_hash(_learning(method, self.draw))


def selection_cells() -> Iterator[SelectionCell]:
    """Seed by seed and draw by draw, so that what is there at any time is balanced."""
    for seed in range(NUM_SEEDS):
        for draw in DRAWS:
            for method in (*LEARNED, *PLAIN):
                yield SelectionCell(draw, method, seed)


def train_selected(cell: SelectionCell) -> dict[str, Any]:
    """Train on real + selected; scores on reward-val and test, and how many were kept."""
    torch.set_num_threads(1)
    bed, given = build_bed(BED, cell.draw), material(build_bed(BED, cell.draw).config.source)
    mask_N = _select(cell)
    both = concatenate([bed.real, bed.candidates])
    data = Resident.put(both.images, both.labels, best_device())
    rows = np.concatenate((np.arange(len(bed.real)), len(bed.real) + np.flatnonzero(mask_N)))
    epochs = max(1, round(IMAGES_SEEN / len(rows)))
    trainer = Trainer(replace(given.classifier, epochs=epochs), data, bed.real.num_classes)
    fitted = trainer.fit(torch.from_numpy(rows), derive_seed(cell.seed, "selection"))

    def score(images: ImageSet) -> dict[str, float]:
        resident = Resident.put(images.images, images.labels, best_device())
        logits_NC = predict(fitted.model, resident, given.classifier.precision).cpu().numpy()
        return {
            "accuracy": metrics.accuracy(logits_NC, images.labels),
            "auc": metrics.auc(logits_NC, images.labels),
            "log_loss": metrics.recalibrated_log_loss(logits_NC, images.labels),
        }

    return {
        "kept": int(mask_N.sum()),
        "epochs": epochs,
        "right": float(bed.useful_N[mask_N].mean()) if mask_N.any() else None,
        "reward_val": score(given.reward_val),
        "test": score(given.test),
    }


def _select(cell: SelectionCell) -> np.ndarray:
    """The mask of a method; those that need a budget get that of the default controller."""
    bed = build_bed(BED, cell.draw)
    num = len(bed.useful_N)
    if cell.method in LEARNED:
        return keep_most_probable(_probabilities(cell.method, cell.draw))
    if cell.method == "real_only":
        return np.zeros(num, dtype=bool)
    if cell.method == "keep_all":
        return np.ones(num, dtype=bool)
    if cell.method == "oracle":
        return bed.useful_N
    budget = int(keep_most_probable(_probabilities("controller", cell.draw)).sum())
    if cell.method == "uniform":  # drawn anew for every seed
        order_N = rng(cell.seed, "uniform", cell.draw).permutation(num)
    else:
        table = prepare(build_experiment({}, "defaults"), BED, cell.draw).table
        order_N = np.argsort(-table.free_scores[cell.method], kind="stable")
    mask_N = np.zeros(num, dtype=bool)
    mask_N[order_N[:budget]] = True
    return mask_N


@cache
def _probabilities(method: str, draw: int) -> np.ndarray:
    """Learned once; outside of the record, which holds nothing image by image."""
    path = _path(method, draw)
    if not path.exists():
        raise SystemExit(f"{path}: is not there; run `planted_truth.py select` from its start")
    return np.load(path)


def learn_for_selection(method: str, draw: int) -> dict[str, Any]:
    """Learn, and leave the keep probabilities in the cache."""
    probability_N, found = learned_probabilities(_learning(method, draw))
    np.save(_path(method, draw), probability_N)
    return found


def _learning(method: str, draw: int) -> Cell:
    options = merge(LEARNED[method], {"algorithm": {"iterations": ITERATIONS}})
    return Cell(bed=BED, draw=draw, seed=draw, options=options)


def _path(method: str, draw: int) -> Path:
    name = method.replace(", ", "-").replace(" ", "_")
    settings = config_hash(_learning(method, draw))
    return CACHE / f"probabilities-{BED}-{name}-{draw}-{settings}.npy"
