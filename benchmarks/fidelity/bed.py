"""What is compared with what: sets of candidates, and the ways to pay for them."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch

from rlsel.classifier import Resident
from rlsel.data import Splits, load_splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.experiment.config import Experiment, load_experiment
from rlsel.machine.device import best_device
from rlsel.pool import Pool, build_pool
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import Fidelity
from rlsel.seeding import rng

CONFIG = Path(__file__).parents[2] / "tune_configs" / "pcam_planted.yaml"
NUM_SEEDS = 5
NUM_OTHERS = 2000
"""Patches that are neither real nor candidates, for an extractor that has seen none of them."""
SHARES_RIGHT = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZES = (128, 256, 512)
NUM_NARROW = 8
PACE_SET = "wide 512 with 50% right"
"""What a full training costs is timed on this one, among the cheap fidelities."""


@dataclass(frozen=True)
class Variant:
    """One way to pay: a fidelity, its settings, and what its extractor was trained on."""

    fidelity: Fidelity
    extractor: str = "real"
    """`real`: the 500 real images; `others`: 2,000 other patches; `folds`: each half of the real
    images judged by an extractor trained on the other half."""
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    num_seeds: int = NUM_SEEDS
    """One where a first look showed it to be expensive and no better."""

    @property
    def name(self) -> str:
        if self.fidelity != "finetune":
            return f"{self.fidelity}, {self.extractor}"
        settings = self.finetune
        return (
            f"finetune, {self.extractor}, {settings.first_stage}, {settings.epochs} epochs, "
            f"lr {settings.lr:g}"
        )


VARIANTS = (
    *(Variant("probe", extractor) for extractor in ("real", "others", "folds")),
    *(
        Variant("finetune", extractor, FinetuneConfig(first_stage=stage, epochs=epochs, lr=lr), n)
        for extractor in ("real", "others")
        for stage, epochs, lr, n in (
            ("layer4", 3, 1e-4, NUM_SEEDS),
            ("layer4", 3, 3e-4, NUM_SEEDS),
            ("layer4", 3, 1e-3, NUM_SEEDS),
            ("layer4", 6, 1e-3, NUM_SEEDS),
            ("layer4", 10, 1e-3, NUM_SEEDS),
            ("layer3", 3, 1e-4, 1),
            ("layer3", 3, 3e-4, 1),
            ("layer3", 3, 1e-3, 1),
            ("layer1", 3, 1e-3, 1),
        )
    ),
)


class Bed:
    """Images, pool and sets of the benchmark."""

    def __init__(self) -> None:
        self.experiment: Experiment = load_experiment(CONFIG)
        self.splits: Splits = load_splits(self.experiment.data, self.experiment.seed)
        self.pool: Pool = build_pool(
            self.experiment.pool, self.splits, self.experiment.data, self.experiment.seed
        )
        self.sets = _sets(self.pool)
        both = concatenate([self.splits.train, self.pool.candidates])
        self.training = Resident.put(both.images, both.labels, best_device())

    def rows(self, kept_N: np.ndarray) -> torch.Tensor:
        """Of `training`: all real images and the kept candidates."""
        real = np.arange(len(self.splits.train))
        return torch.from_numpy(np.concatenate((real, len(real) + np.flatnonzero(kept_N))))

    @property
    def others(self) -> ImageSet:
        """Patches that are in no split and not in the pool."""
        held_back = self.splits.held_back
        assert held_back is not None
        planted = np.char.add("planted/", held_back.ids)
        free = np.flatnonzero(~np.isin(planted, self.pool.candidates.ids))
        return held_back.take(rng(0, "others").permutation(free)[:NUM_OTHERS])


@cache
def bed() -> Bed:
    torch.set_num_threads(1)
    return Bed()


def _sets(pool: Pool) -> dict[str, np.ndarray]:
    """Name -> which candidates; names begin with the family."""
    assert pool.useful is not None
    useful_N = pool.useful
    right, wrong = np.flatnonzero(useful_N), np.flatnonzero(~useful_N)
    sets = {"wide none": np.zeros(len(useful_N), bool), "wide all": np.ones(len(useful_N), bool)}
    for size in SIZES:
        for share in SHARES_RIGHT:
            draw = rng(0, "wide", size, round(100 * share))
            num_right = round(share * size)
            kept_N = np.zeros(len(useful_N), bool)
            kept_N[draw.permutation(right)[:num_right]] = True
            kept_N[draw.permutation(wrong)[: size - num_right]] = True
            sets[f"wide {size} with {share:.0%} right"] = kept_N
    for number in range(NUM_NARROW):
        sets[f"narrow {number}"] = rng(0, "narrow", number).random(len(useful_N)) < 0.5
    return sets
