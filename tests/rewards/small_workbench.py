"""A workbench of random features, in which the candidates' labels are partly wrong."""

from dataclasses import replace
from typing import Any

import numpy as np

from rlsel.classifier import ClassifierConfig
from rlsel.data import ImageSet
from rlsel.features import Features
from rlsel.rewards import Job, ProbeConfig, Workbench

NUM_CANDIDATES = 61
SIZE = 7
"""Numbers in a feature."""


def small_workbench(num_classes: int = 2, **changed: Any) -> Workbench:
    """Real images are few, so right candidates help; about half of the candidates are wrong."""
    rng = np.random.default_rng(0)
    means_CF = rng.standard_normal((num_classes, SIZE))

    def make(name: str, num: int, wrong_N: np.ndarray | None = None) -> tuple[ImageSet, np.ndarray]:
        shown_N = np.arange(num) % num_classes
        features_NF = means_CF[shown_N] + 2.0 * rng.standard_normal((num, SIZE))
        labels_N = shown_N.copy()
        if wrong_N is not None:
            labels_N[wrong_N] = (labels_N[wrong_N] + 1) % num_classes
        images = rng.integers(0, 256, (num, 32, 32, 3), np.uint8)
        ids = np.array([f"{name}-{index:03d}" for index in range(num)])
        class_names = tuple(f"class {c}" for c in range(num_classes))
        return ImageSet(images, labels_N, class_names, ids), features_NF.astype(np.float32)

    train, train_NF = make("train", 17)
    candidates, candidates_NF = make("candidate", NUM_CANDIDATES, wrong_N=~right())
    reward_val, reward_val_NF = make("reward_val", 401)
    selection_val, selection_val_NF = make("selection_val", 307)
    features = Features(
        train=train_NF,
        candidates=candidates_NF,
        reward_val=reward_val_NF,
        selection_val=selection_val_NF,
        candidate_logits=np.zeros((NUM_CANDIDATES, num_classes), dtype=np.float32),
    )
    workbench = Workbench(
        train=train,
        candidates=candidates,
        reward_val=reward_val,
        selection_val=selection_val,
        test=make("test", 23)[0],
        features=features,
        classifier=ClassifierConfig(epochs=2, batch_size=16, precision="fp32"),
        probe=ProbeConfig(num_components=SIZE),
    )
    return replace(workbench, **changed)


def none() -> np.ndarray:
    return np.zeros(NUM_CANDIDATES, dtype=bool)


def right() -> np.ndarray:
    """The candidates whose label is that of their feature: six of each dozen, of all classes."""
    return np.arange(NUM_CANDIDATES) // 6 % 2 == 1


def probe_job(kept_N: np.ndarray, **changed: Any) -> Job:
    return replace(Job(kept_N, "probe", seed=0, split="reward_val"), **changed)
