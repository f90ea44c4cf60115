"""A workbench of random features, in which the candidates' labels are partly wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from rlsel.classifier import ClassifierConfig
from rlsel.data import ImageSet, Splits
from rlsel.features import Features
from rlsel.rewards import Job, ProbeConfig, RewardConfig, Workbench

NUM_CANDIDATES = 61
SIZE = 7
"""Numbers in a feature."""


@dataclass(frozen=True)
class Parts:
    """What a workbench is made of."""

    splits: Splits
    candidates: ImageSet
    features: Features
    classifier: ClassifierConfig
    reward: RewardConfig
    extractor: Mapping[str, Tensor] = field(default_factory=dict)

    def bench(self) -> Workbench:
        return Workbench.of(
            self.splits,
            self.candidates,
            [self.features],
            self.classifier,
            self.reward,
            self.extractor,
        )


def small_workbench(num_classes: int = 2, **changed: Any) -> Workbench:
    """A workbench of `small_parts` with some of them replaced."""
    return replace(small_parts(num_classes), **changed).bench()


def small_parts(num_classes: int = 2) -> Parts:
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
    splits = Splits(train, reward_val, selection_val, test=make("test", 23)[0])
    return Parts(
        splits,
        candidates,
        features,
        ClassifierConfig(epochs=2, batch_size=16, precision="fp32"),
        RewardConfig(probe=ProbeConfig(num_components=SIZE)),
    )


def with_few_to_validate(bench: Workbench) -> Workbench:
    """The same with 23 images in each split, for trainings of a ResNet34."""
    few = {name: images.take(np.arange(23)) for name, images in bench.validation.items()}
    return replace(bench, validation=few)


def none() -> np.ndarray:
    return np.zeros(NUM_CANDIDATES, dtype=bool)


def right() -> np.ndarray:
    """The candidates whose label is that of their feature: six of each dozen, of all classes."""
    return np.arange(NUM_CANDIDATES) // 6 % 2 == 1


def probe_job(kept_N: np.ndarray, **changed: Any) -> Job:
    return replace(Job(kept_N, "probe", seed=0, split="reward_val"), **changed)
