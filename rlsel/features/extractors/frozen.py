"""Features that no training of this run has made, and what they are known by."""

import numpy as np
from jaxtyping import Float

from rlsel.classifier import ClassifierConfig, recipe_of
from rlsel.classifier.resident import best_device
from rlsel.data import Splits
from rlsel.data.image_set import ImageSet
from rlsel.features.extract import Features
from rlsel.features.extractors.config import (
    ExtractorConfig,
    FileExtractor,
    FrozenExtractor,
    NetworkExtractor,
    TimmExtractor,
    TorchvisionExtractor,
)
from rlsel.features.extractors.file_features import (
    file_features,
    file_identity,
    require_covered,
)
from rlsel.features.extractors.network import FrozenNetwork, require_fitting
from rlsel.features.extractors.timm_networks import require_timm, timm_identity, timm_network
from rlsel.features.extractors.torchvision_networks import (
    require_torchvision,
    torchvision_identity,
    torchvision_network,
)
from rlsel.heads import head_logits
from rlsel.machine.device_memory import room_for
from rlsel.machine.progress import progress_bar
from rlsel.machine.threads import few_threads
from rlsel.seeding import derive_seed

VERSION = 1
"""Raise it when the same network gives other features, or the same features other logits."""
PATIENCE_S = 5.0
"""After which a progress bar is shown."""


def frozen_features(
    config: FrozenExtractor, splits: Splits, candidates: ImageSet, seed: int
) -> Features:
    """Features of every image but those of test. Logits of candidates are those of a logistic head,
    fitted to the features of train.

    Args:
        seed: Of the run; random weights alone depend on it.

    Raises:
        InputError: weights or features are missing or wrong.
    """
    if isinstance(config, FileExtractor):
        found = file_features(config, splits, candidates)
    else:
        found = _looked_at(_network(config, seed), splits, candidates)
    logits_NC = head_logits(
        found["train"], splits.train.labels, found["candidates"], splits.train.num_classes
    )
    return Features(**found, candidate_logits=logits_NC)


def identity_of(config: ExtractorConfig, seed: int) -> str:
    """All that features depend on besides the images, as text to be hashed: what lies in files
    counts by its content, and the seed where something is random.

    Raises:
        InputError: a file is missing.
    """
    if isinstance(config, ClassifierConfig):
        return f"{recipe_of(config)}/{seed}"
    if isinstance(config, FileExtractor):
        return repr((VERSION, "file", file_identity(config)))
    is_timm = isinstance(config, TimmExtractor)
    network = timm_identity(config) if is_timm else torchvision_identity(config)
    fed = (config.size_px, config.mean, config.std)
    random_by = seed if config.weights == "random" else None
    return repr((VERSION, config.name, network, fed, random_by))


def require_extractor(config: ExtractorConfig) -> None:
    """Refuse networks, weights and packages that are not there, before anything is read.

    Raises:
        InputError: names the choices or the remedy.
    """
    if isinstance(config, TorchvisionExtractor):
        require_torchvision(config)
    elif isinstance(config, TimmExtractor):
        require_timm(config)


def require_features(config: ExtractorConfig, splits: Splits, candidates: ImageSet) -> None:
    """Refuse a file of features that lacks an image, before anything is trained.

    Raises:
        InputError: there is no such file, or some image is not in it.
    """
    if isinstance(config, FileExtractor):
        require_covered(config, splits, candidates)


def _network(config: NetworkExtractor, seed: int) -> FrozenNetwork:
    make = timm_network if isinstance(config, TimmExtractor) else torchvision_network
    network = make(config, derive_seed(seed, "extractor"))  # pyright: ignore[reportArgumentType]
    require_fitting(network)
    return network


def _looked_at(
    network: FrozenNetwork, splits: Splits, candidates: ImageSet
) -> dict[str, Float[np.ndarray, "m f"]]:
    device = best_device()
    with room_for(f"the weights of {network.name}", "take a smaller network"):
        network.model.to(device)
    sets = {
        "train": splits.train,
        "candidates": candidates,
        "reward_val": splits.reward_val,
        "selection_val": splits.selection_val,
    }
    total = sum(map(len, sets.values()))
    with (
        few_threads(),
        progress_bar(f"features by {network.name}", total, after_s=PATIENCE_S) as bar,
    ):
        return {
            name: network.features_of(images.images, device, bar.advance)
            for name, images in sets.items()
        }
