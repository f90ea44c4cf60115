"""Features that no training of this run has made, and their identity for the cache.

Shape letters: M images, F size of a feature.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from rlsel.classifier import ClassifierConfig, recipe_of
from rlsel.data import SampleSet, Splits
from rlsel.data.image_set import as_images
from rlsel.data.vectors import find_unusable
from rlsel.errors import InputError
from rlsel.features.extractors.config import (
    ExtractorConfig,
    FileExtractor,
    FrozenExtractor,
    NetworkExtractor,
    TimmExtractor,
    TorchvisionExtractor,
    is_word,
)
from rlsel.features.extractors.file_features import (
    file_features,
    file_identity,
    require_covered,
)
from rlsel.features.extractors.network import FrozenNetwork, require_fitting
from rlsel.features.extractors.timm_networks import (
    FOLDER,
    HUB,
    require_timm,
    timm_identity,
    timm_network,
)
from rlsel.features.extractors.torchvision_networks import (
    require_torchvision,
    torchvision_identity,
    torchvision_network,
)
from rlsel.machine.device import best_device
from rlsel.machine.device_memory import room_for
from rlsel.machine.progress import progress_bar
from rlsel.machine.threads import few_threads
from rlsel.seeding import derive_seed

VERSION = 1
"""Raise it when a change of the code changes the features of the same network."""
FeaturesByPart = dict[str, Float[np.ndarray, "m f"]]
PATIENCE_S = 5.0
"""Seconds after which a progress bar is shown."""


def frozen_features(
    config: FrozenExtractor, splits: Splits, candidates: SampleSet, seed: int
) -> FeaturesByPart:
    """Features of every image except test, by the field names of `Features`.

    Args:
        seed: Seed of the run. Only random weights depend on it.

    Raises:
        InputError: weights or features are missing or wrong.
    """
    if isinstance(config, FileExtractor):
        return file_features(config, splits, candidates)
    return _looked_at(_network(config, seed)[0], splits, candidates)


def identity_of(config: ExtractorConfig, seed: int) -> tuple[object, ...]:
    """Everything on which features depend besides the images.

    Files are represented by their content. The seed is included only if something is random.

    Raises:
        InputError: a file is missing.
    """
    match config:
        case ClassifierConfig():
            return recipe_of(config), seed
        case FileExtractor():
            return VERSION, config.name, file_identity(config)
        case TimmExtractor():
            network = timm_identity(config)
        case TorchvisionExtractor():
            network = torchvision_identity(config)
    fed = (config.size_px, config.mean, config.std)
    random_by = seed if config.weights == "random" else None
    return VERSION, config.name, network, fed, random_by


def require_extractor(config: ExtractorConfig) -> None:
    """Refuse missing networks, weights and packages before anything is read.

    Raises:
        InputError: something is missing; the message names the choices or the remedy.
    """
    match config:
        case TorchvisionExtractor():
            require_torchvision(config)
        case TimmExtractor():
            require_timm(config)
        case ClassifierConfig() | FileExtractor():
            pass  # whether the file has every image is asked once the images are read


def require_features(config: ExtractorConfig, splits: Splits, candidates: SampleSet) -> None:
    """Refuse a file of features that lacks an image, before anything is trained.

    Raises:
        InputError: the file is missing, or an image is not in it.
    """
    if isinstance(config, FileExtractor):
        require_covered(config, splits, candidates)


def try_network(config: NetworkExtractor, seed: int) -> int | None:
    """Build a network and load its weights, as far as nothing has to be downloaded for that.

    Returns:
        Size of a feature; None if the network has to be downloaded.

    Raises:
        InputError: the weights are of another network, or it takes no images of that size.
    """
    is_far = is_word(config.weights) and config.weights != "random"
    if isinstance(config, TimmExtractor):
        if config.model.startswith(HUB):
            return None
        is_far = is_far and not config.model.startswith(FOLDER)
    return _network(replace(config, weights="random") if is_far else config, seed)[1]


def _network(config: NetworkExtractor, seed: int) -> tuple[FrozenNetwork, int]:
    """The network, and the size of its features."""
    own_seed = derive_seed(seed, "extractor")
    match config:
        case TimmExtractor():
            network = timm_network(config, own_seed)
        case TorchvisionExtractor():
            network = torchvision_network(config, own_seed)
    return network, require_fitting(network)


def _looked_at(network: FrozenNetwork, splits: Splits, candidates: SampleSet) -> FeaturesByPart:
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
        found = {
            name: network.features_of(as_images(samples).images, device, bar.advance)
            for name, samples in sets.items()
        }
    for name, features_MF in found.items():
        if unusable := find_unusable(features_MF):
            raise InputError(
                f"features.extractor: {network.name} makes a feature of image "
                f"{sets[name].ids[unusable.rows[0]]} that holds {unusable.said}; take other weights"
            )
    return found
