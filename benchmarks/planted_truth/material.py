"""Images that beds are built from, and what an extractor that has seen none of them makes of them.

Shape letters: N images, F size of a feature, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from rlsel.classifier import ClassifierConfig, Resident, Trainer
from rlsel.classifier.predict import extract_features, map_chunks
from rlsel.classifier.resnet import split_at
from rlsel.data import load_splits
from rlsel.data.image_set import ImageSet, concatenate
from rlsel.data.phantom import PhantomSource
from rlsel.data.phantom.source import draw_splits
from rlsel.data.stratify import cut
from rlsel.experiment.config import load_experiment
from rlsel.machine.atomic_files import replacing
from rlsel.machine.device import best_device
from rlsel.seeding import derive_seed, rng

Source = Literal["pcam", "phantom", "phantom_4_classes"]
Depth = Literal["deep", "shallow"]
HERE = Path(__file__).parents[2]
CONFIG = HERE / "tune_configs" / "pcam_planted.yaml"
CACHE = HERE / "runs" / "planted_truth"
"""Of features and beds; it may be deleted at any time."""
NUM_OTHERS = 2_000


@dataclass(frozen=True)
class Material:
    """All images of a source."""

    others: ImageSet
    """For the extractor alone."""
    reserve: ImageSet
    """From which real images and candidates are drawn."""
    reward_val: ImageSet
    selection_val: ImageSet
    test: ImageSet
    classifier: ClassifierConfig


@cache
def material(source: Source) -> Material:
    """Of a source, always the same."""
    experiment = load_experiment(CONFIG)
    if source == "pcam":
        splits = load_splits(experiment.data, 0)
        assert splits.held_back is not None
        everything = concatenate([splits.train, splits.held_back])
        reward_val, selection_val, test = splits.reward_val, splits.selection_val, splits.test
    else:
        num_classes = 4 if source == "phantom_4_classes" else 2
        phantom = PhantomSource(
            num_classes=num_classes, num_train=8_000, num_val=2_900, num_test=1_500
        )
        parts = draw_splits(phantom, rng(0, "material", source))
        everything, val, test = parts["train"], parts["val"], parts["test"]
        halves = cut(val.labels, None, (0.5, 0.5), rng(0, "halves"))
        reward_val, selection_val = (val.take(half) for half in halves)
    order = rng(0, "others", source).permutation(len(everything))
    others = everything.take(order[:NUM_OTHERS])
    reserve = everything.take(order[NUM_OTHERS:])
    return Material(others, reserve, reward_val, selection_val, test, experiment.classifier)


@dataclass(frozen=True)
class Extractor:
    """A ResNet34, and what it has to say of images at one of its depths."""

    model: nn.Module
    depth: Depth
    head: LogisticRegression | None
    """Where the depth has no head of its own."""

    def look_at(self, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, F) features and (N, C) logits, float32."""
        resident = Resident.put(images.images, images.labels, best_device())
        if self.head is None:
            features_NF, logits_NC = extract_features(self.model, resident)
            return features_NF.numpy(), logits_NC.numpy()
        features_NF = _pooled(self.model, resident)
        return features_NF, self.head.predict_log_proba(features_NF).astype(np.float32)


def train_extractor(seen: ImageSet, config: ClassifierConfig, depth: Depth, seed: int) -> Extractor:
    """Fit a classifier to `seen`."""
    data = Resident.put(seen.images, seen.labels, best_device())
    trainer = Trainer(config, data, seen.num_classes)
    model = trainer.fit(torch.arange(len(data)), derive_seed(seed, "extractor")).model
    if depth == "deep":
        return Extractor(model, depth, None)
    head = LogisticRegression(C=0.01, max_iter=1000).fit(_pooled(model, data), seen.labels)
    return Extractor(model, depth, head)


def _pooled(model: nn.Module, data: Resident) -> np.ndarray:
    """Mean over the map that the third of four stages gives: less collapsed to the classes."""
    trunk, _ = split_at(model, "layer4")  # pyright: ignore[reportArgumentType]
    with torch.inference_mode():
        return map_chunks(trunk, data, "fp32").mean((2, 3)).numpy()


@dataclass(frozen=True)
class Looks:
    """Features and logits of all images of a source."""

    reserve: np.ndarray
    reserve_logits: np.ndarray
    reward_val: np.ndarray
    selection_val: np.ndarray
    test: np.ndarray


@cache
def others_extractor(source: Source, depth: Depth) -> Extractor:
    """Trained on the others; kept in the cache, as it takes minutes."""
    given, path = material(source), CACHE / f"extractor-{source}.pt"
    if not path.exists():
        trained = train_extractor(given.others, given.classifier, "deep", 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            torch.save(trained.model, temporary)
    model = torch.load(path, weights_only=False)
    if depth == "deep":
        return Extractor(model, depth, None)
    data = Resident.put(given.others.images, given.others.labels, best_device())
    head = LogisticRegression(C=0.01, max_iter=1000).fit(_pooled(model, data), given.others.labels)
    return Extractor(model, depth, head)


@cache
def looks(source: Source, depth: Depth) -> Looks:
    """What the extractor trained on the others makes of everything else."""
    path = CACHE / f"looks-{source}-{depth}.npz"
    names: Sequence[str] = ("reserve", "reward_val", "selection_val", "test")
    if not path.exists():
        extractor = others_extractor(source, depth)
        seen = {name: extractor.look_at(getattr(material(source), name)) for name in names}
        arrays = {name: features_NF for name, (features_NF, _) in seen.items()}
        with replacing(path) as temporary:
            np.savez(temporary, allow_pickle=False, reserve_logits=seen["reserve"][1], **arrays)
    with np.load(path) as stored:
        return Looks(**{name: stored[name] for name in stored.files})
