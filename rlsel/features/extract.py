"""Penultimate features of every image that a reward may use.

Shape letters in this package: N candidates, M reference images, F size of a feature, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rlsel.classifier import ClassifierConfig, Resident, fit
from rlsel.classifier import extract_features as extract_features_of
from rlsel.data import EmbeddingSet, ImageSet, SampleSet, Splits
from rlsel.data.image_set import as_images
from rlsel.data.kinds import known
from rlsel.features.config import FeaturesConfig
from rlsel.features.extractors import frozen_features
from rlsel.heads import head_logits
from rlsel.machine.cache.kept import content_of
from rlsel.machine.device import best_device
from rlsel.machine.device_memory import release
from rlsel.machine.threads import few_threads
from rlsel.pool import Pool
from rlsel.seeding import derive_seed


@dataclass(frozen=True)
class Features:
    """Features by split, float32, unnormalised outputs of the extractor."""

    train: Float[np.ndarray, "t f"]
    candidates: Float[np.ndarray, "n f"]
    reward_val: Float[np.ndarray, "r f"]
    selection_val: Float[np.ndarray, "s f"]
    candidate_logits: Float[np.ndarray, "n c"]
    """Logits of the candidates by the extractor's last layer, or by a logistic head if it has none.
    """
    unseen: Int[np.ndarray, " m"] | None = None
    """Real samples that the extractor was not trained on, as indices into train. Only they are used
    with its features. None: all of them."""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All fields but `unseen` where there is none."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in known.items() if value is not None}

    @cached_property
    def digests(self) -> dict[str, str]:
        """Field -> hash of its values."""
        return {name: content_of(value) for name, value in self.arrays.items()}

    @property
    def used_train(self) -> Float[np.ndarray, "m f"]:
        """Features of the real samples that are used."""
        return self.train if self.unseen is None else self.train[self.unseen]

    @property
    def digest(self) -> str:
        """Hash of all features."""
        return content_of(*self.digests.values())


def digest_of(folds: Sequence[Features]) -> str:
    """Hash of the features by all extractors."""
    return folds[0].digest if len(folds) == 1 else content_of(*(one.digest for one in folds))


@dataclass(frozen=True)
class Extracted:
    """Features of all images by one extractor, and on request the network that made them."""

    features: Features
    weights: dict[str, Tensor] = field(default_factory=dict)
    """State dict on the CPU; empty unless requested."""


def extract_features(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool = False,
    unseen: Int[np.ndarray, " m"] | None = None,
) -> Extracted:
    """Features of all images except test, by a network trained on train or a configured one.

    Args:
        unseen: Real images that the network is not trained on.

    Raises:
        InputError: a frozen network, or a file of features, is missing or wrong.
        DeviceFullError: the images do not fit into the memory of the GPU.
    """
    match known(splits.train):
        case EmbeddingSet():
            return Extracted(_with_head(as_they_are(splits, pool), splits.train))
        case ImageSet():
            return _of_images(config, splits, pool, seed, keep_weights, unseen)


def _of_images(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool,
    unseen: np.ndarray | None,
) -> Extracted:
    if not isinstance(config.extractor, ClassifierConfig):
        found = frozen_features(config.extractor, splits, pool.candidates, seed)
        release()  # evaluators may be on the same GPU
        return Extracted(_with_head(found, splits.train))
    device = best_device()
    train_images = as_images(splits.train)
    train = Resident.put(train_images.images, train_images.labels, device)
    seen = np.setdiff1d(np.arange(len(train)), [] if unseen is None else unseen)
    with few_threads():
        fitted = fit(
            config.extractor,
            train,
            torch.from_numpy(seen),
            splits.train.num_classes,
            derive_seed(seed, "extractor"),
            description="feature extractor",
            setting="features.extractor",
        )
        features = extract(
            fitted.model,
            device,
            train=train_images,
            candidates=as_images(pool.candidates),
            reward_val=as_images(splits.reward_val),
            selection_val=as_images(splits.selection_val),
        )
    weights = {}
    if keep_weights:
        weights = {name: value.cpu() for name, value in fitted.model.state_dict().items()}
    del fitted, train
    release()  # evaluators may be on the same GPU
    return Extracted(replace(features, unseen=unseen), weights)


def as_they_are(splits: Splits, pool: Pool) -> dict[str, np.ndarray]:
    """Ready-made embeddings, which serve as features unchanged."""
    return {
        "train": splits.train.values,
        "candidates": pool.candidates.values,
        "reward_val": splits.reward_val.values,
        "selection_val": splits.selection_val.values,
    }


def _with_head(found: dict[str, np.ndarray], train: SampleSet) -> Features:
    """Features without a last layer. A logistic head fitted on train gives the logits."""
    logits_NC = head_logits(found["train"], train.labels, found["candidates"], train.num_classes)
    return Features(**found, candidate_logits=logits_NC)


def extract(
    model: nn.Module,
    device: torch.device,
    *,
    train: ImageSet,
    candidates: ImageSet,
    reward_val: ImageSet,
    selection_val: ImageSet,
) -> Features:
    """Run every image through `model`, except test images, which no reward may see."""

    def run(images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
        resident = Resident.put(images.images, images.labels, device)
        features_NF, logits_NC = extract_features_of(model, resident)
        return features_NF.cpu().numpy(), logits_NC.cpu().numpy()

    candidate_features_NF, candidate_logits_NC = run(candidates)
    return Features(
        train=run(train)[0],
        candidates=candidate_features_NF,
        reward_val=run(reward_val)[0],
        selection_val=run(selection_val)[0],
        candidate_logits=candidate_logits_NC,
    )
