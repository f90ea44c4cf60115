"""Images, features and settings to measure on: real PCam where it is, else the tissue phantom."""

import os
from pathlib import Path
from typing import Any

import torch

from rlsel.classifier import Resident, fit
from rlsel.data import load_splits
from rlsel.experiment.config import Experiment, build_experiment, merge
from rlsel.experiment.yaml_files import read_yaml
from rlsel.features.extract import extract
from rlsel.machine.device import best_device
from rlsel.pool import build_pool
from rlsel.rewards.workbench import Workbench
from rlsel.seeding import derive_seed

REPOSITORY = Path(__file__).parents[2]
PLANTED = REPOSITORY / "tune_configs" / "pcam_planted.yaml"
PHANTOM: dict[str, Any] = {
    "data": {"source": {"name": "phantom", "num_train": 500, "num_val": 2906, "num_test": 1473}},
    "pool": {"name": "phantom", "num_candidates": 1024},
}
"""As many images as real PCam and its planted pool have."""
QUICK: dict[str, Any] = {
    "data": {
        "source": {
            "name": "phantom", "num_train": 40, "num_val": 40, "num_test": 30, "size_px": 16,
        }
    },
    "pool": {"name": "phantom", "num_candidates": 32},
    "classifier": {"epochs": 2, "batch_size": 16},
    "features": {"extractor": {"epochs": 1}},
}  # fmt: skip


def experiment(quick: bool, **changed: Any) -> Experiment:
    """What is measured on; `changed` is laid over it."""
    if quick:
        content, origin = QUICK, "the quick setting"
    elif _has_pcam():
        content, origin = read_yaml(PLANTED), str(PLANTED)
    else:
        content, origin = PHANTOM, "the phantom"
    return build_experiment(merge(content, changed), origin)


def build_workbench(experiment: Experiment, seed: int = 0) -> Workbench:
    """As `rlsel run` has it, with the extractor trained afresh (half a minute on a core)."""
    splits = load_splits(experiment.data, seed)
    pool = build_pool(experiment.pool, splits, experiment.data, seed)
    device, train = best_device(), splits.train
    extractor = fit(
        experiment.features.extractor,
        Resident.put(train.images, train.labels, device),
        torch.arange(len(train)),
        train.num_classes,
        derive_seed(seed, "extractor"),
    ).model
    features = extract(
        extractor,
        device,
        train=train,
        candidates=pool.candidates,
        reward_val=splits.reward_val,
        selection_val=splits.selection_val,
    )
    return Workbench.of(
        splits,
        pool.candidates,
        [features],
        experiment.classifier,
        experiment.reward,
        extractor.state_dict(),
    )


def _has_pcam() -> bool:
    shared = os.environ.get("RLSEL_SHARED")
    return shared is not None and any(Path(shared, "data", "pcam").glob("train-*.parquet"))
