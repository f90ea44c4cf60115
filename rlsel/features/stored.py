"""Fitting the extractor is dear, so its features are kept in the run folder."""

from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from rlsel.atomic_files import replacing, write_bytes
from rlsel.classifier import Resident, fit, recipe_of
from rlsel.classifier.resident import best_device
from rlsel.data import Splits
from rlsel.device_memory import release
from rlsel.features.config import FeaturesConfig
from rlsel.features.extract import Features, extract
from rlsel.pool import Pool
from rlsel.progress import console
from rlsel.seeding import derive_seed
from rlsel.threads import few_threads


@dataclass(frozen=True)
class Extracted:
    """Features of all images, and the network that made them where somebody asked for it."""

    features: Features
    weights: dict[str, Tensor]
    """State dict on the CPU; empty unless asked for."""


def extract_or_load(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    path: Path,
    keep_weights: bool = False,
) -> Extracted:
    """Train the extractor on train and run all images through it, unless `path` holds the result.

    A file of other images or settings, or one that cannot be read, is made anew.

    Args:
        path: Of the features; the weights, if asked for, lie beside it with the suffix .pt.
    """
    recipe = "/".join(
        (
            recipe_of(config.extractor),
            str(seed),
            pool.digest,
            *(images.digest for name, images in splits.named().items() if name != "test"),
        )
    )
    features = _load(path, recipe)
    if features is not None and not keep_weights:
        return Extracted(features, {})
    weights = _load_weights(path.with_suffix(".pt"), recipe) if features is not None else None
    if features is not None and weights is not None:
        return Extracted(features, weights)
    made = _make(config, splits, pool, seed, path, recipe, keep_weights)
    release()  # evaluators may be on the same GPU
    return made


def _load_weights(path: Path, recipe: str) -> dict[str, Tensor] | None:
    if not path.exists():
        return None
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return stored["weights"] if stored["recipe"] == recipe else None
    except Exception:  # torch raises whatever the broken bytes led it into
        console.print(f"{path}: cannot be read, so the extractor is trained anew", markup=False)
        return None


def _load(path: Path, recipe: str) -> Features | None:
    if not path.exists():
        return None
    try:
        # Opened here: NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file) as stored:
            if str(stored["recipe"]) == recipe:
                return Features(**{name: stored[name] for name in Features.__annotations__})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
        console.print(f"{path}: cannot be read, so the features are made anew", markup=False)
    return None


def _make(
    config: FeaturesConfig,
    splits: Splits,
    pool: Pool,
    seed: int,
    path: Path,
    recipe: str,
    keep_weights: bool,
) -> Extracted:
    device = best_device()
    train = Resident.put(splits.train.images, splits.train.labels, device)
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
            train=splits.train,
            candidates=pool.candidates,
            reward_val=splits.reward_val,
            selection_val=splits.selection_val,
        )
    with replacing(path) as temporary:
        np.savez(temporary, recipe=np.array(recipe), **asdict(features))
    weights = {}
    if keep_weights:
        weights = {name: value.cpu() for name, value in fitted.model.state_dict().items()}
        buffer = BytesIO()  # torch would hide from us that a disk is full
        torch.save({"recipe": recipe, "weights": weights}, buffer)
        write_bytes(path.with_suffix(".pt"), buffer.getbuffer())
    return Extracted(features, weights)
