"""Penultimate features of every image that a reward may use.

Shape letters in this package: N candidates, M reference images, F size of a feature, C classes.
"""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rlsel.classifier import ClassifierConfig, Resident, fit
from rlsel.classifier import extract_features as extract_features_of
from rlsel.data import EmbeddingSet, ImageSet, SampleSet, Splits
from rlsel.data.image_set import as_images
from rlsel.data.kinds import known
from rlsel.features.config import FeaturesConfig
from rlsel.features.extractors import frozen_features, identity_of
from rlsel.features.extractors.config import ExtractorConfig, FileExtractor
from rlsel.heads import head_logits
from rlsel.machine.atomic_files import replacing, write_bytes
from rlsel.machine.cache.kept import Form, Work, content_of
from rlsel.machine.device import best_device
from rlsel.machine.device_memory import release
from rlsel.machine.threads import few_threads
from rlsel.machine.workplace import Here, Workplace
from rlsel.pool import Pool
from rlsel.seeding import derive_seed

FEATURES, WEIGHTS = "features.npz", "features.pt"


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

    @cached_property
    def digests(self) -> dict[str, str]:
        """Field -> hash of its values."""
        return {one.name: content_of(getattr(self, one.name)) for one in fields(self)}

    @property
    def digest(self) -> str:
        """Hash of all features."""
        return content_of(*self.digests.values())


@dataclass(frozen=True)
class Extracted:
    """Features of all images, and on request the network that made them."""

    features: Features
    weights: dict[str, Tensor] = field(default_factory=dict)
    """State dict on the CPU; empty unless requested."""


def extraction(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool = False,
    where: Workplace | None = None,
) -> Work[Extracted]:
    """`extract_features` as work that runs of the same images, settings and seed share.

    Args:
        where: Where it is computed; None is this process.
    """
    where = where or Here()
    form = WITH_WEIGHTS if keep_weights else FEATURES_ALONE
    if isinstance(splits.train, EmbeddingSet):
        form = _logits_alone(splits, pool)
    if isinstance(splits.train, EmbeddingSet) or isinstance(config.extractor, FileExtractor):
        where = Here()  # features that are there already need no device
    samples = [part.digest for name, part in splits.named().items() if name != "test"]
    return Work(
        "features",
        (*identity_of(config.extractor, seed), pool.digest, *samples),
        partial(_extract_at, where, config, splits, pool, seed, keep_weights),
        form,
        made_on=where.computed_by(),
    )


def _extract_at(
    where: Workplace,
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    keep_weights: bool,
) -> Extracted:
    def extract_by(extractor: ExtractorConfig) -> Extracted:
        by = replace(config, extractor=extractor)
        return extract_features(by, splits, pool, seed, keep_weights)

    return where.run_by(extract_by, config.extractor, ("weights",))


def extract_features(
    config: FeaturesConfig, splits: Splits, pool: Pool, seed: int, keep_weights: bool = False
) -> Extracted:
    """Features of all images except test, by a network trained on train or a configured one.

    Raises:
        InputError: a frozen network, or a file of features, is missing or wrong.
        DeviceFullError: the images do not fit into the memory of the GPU.
    """
    match known(splits.train):
        case EmbeddingSet():
            return Extracted(_with_head(_as_they_are(splits, pool), splits.train))
        case ImageSet():
            return _of_images(config, splits, pool, seed, keep_weights)


def _of_images(
    config: FeaturesConfig, splits: Splits, pool: Pool, seed: int, keep_weights: bool
) -> Extracted:
    if not isinstance(config.extractor, ClassifierConfig):
        found = frozen_features(config.extractor, splits, pool.candidates, seed)
        release()  # evaluators may be on the same GPU
        return Extracted(_with_head(found, splits.train))
    device = best_device()
    train_images = as_images(splits.train)
    train = Resident.put(train_images.images, train_images.labels, device)
    with few_threads():
        fitted = fit(
            config.extractor,
            train,
            torch.arange(len(train)),
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
    return Extracted(features, weights)


def _as_they_are(splits: Splits, pool: Pool) -> dict[str, np.ndarray]:
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


def _write(extracted: Extracted, folder: Path) -> None:
    with replacing(folder / FEATURES) as temporary:
        np.savez(temporary, **vars(extracted.features))


def _write_both(extracted: Extracted, folder: Path) -> None:
    buffer = BytesIO()  # torch.save to a file would hide that the disk is full
    torch.save(extracted.weights, buffer)
    write_bytes(folder / WEIGHTS, buffer.getbuffer())
    _write(extracted, folder)


def _read(folder: Path) -> Extracted:
    # Opened here, because NumPy would leave a file open that it cannot read.
    with (folder / FEATURES).open("rb") as file, np.load(file) as stored:
        return Extracted(Features(**{name: stored[name] for name in Features.__annotations__}))


def _read_both(folder: Path) -> Extracted:
    weights = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
    return Extracted(_read(folder).features, weights)


def _logits_alone(splits: Splits, pool: Pool) -> Form[Extracted]:
    """Of embeddings, which are their own features and lie in the files that they came from."""

    def write(extracted: Extracted, folder: Path) -> None:
        with replacing(folder / FEATURES) as temporary:
            np.savez(temporary, candidate_logits=extracted.features.candidate_logits)

    def read(folder: Path) -> Extracted:
        with (folder / FEATURES).open("rb") as file, np.load(file) as stored:
            logits_NC = stored["candidate_logits"]
        return Extracted(Features(**_as_they_are(splits, pool), candidate_logits=logits_NC))

    return Form("features", (FEATURES,), write, read)


FEATURES_ALONE: Form[Extracted] = Form("features", (FEATURES,), _write, _read)
WITH_WEIGHTS: Form[Extracted] = Form("features", (FEATURES, WEIGHTS), _write_both, _read_both)
