"""Fitting the extractor is dear, so its features are kept in the run folder, and shared.

Runs of the same images, settings and seed, as trials of a sweep are, find them in the cache folder.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from rlsel.classifier import ClassifierConfig, Resident, fit
from rlsel.classifier.resident import best_device
from rlsel.data import Splits
from rlsel.errors import InputError
from rlsel.features.config import FeaturesConfig
from rlsel.features.extract import Features, extract
from rlsel.features.extractors import frozen_features, identity_of
from rlsel.machine.atomic_files import replacing, write_bytes
from rlsel.machine.cache.folder import entry_of
from rlsel.machine.cache.shared_work import link, sole_worker
from rlsel.machine.cache.trim import limit_bytes, mark_used, trim
from rlsel.machine.device_memory import release
from rlsel.machine.progress import console
from rlsel.machine.threads import few_threads
from rlsel.pool import Pool
from rlsel.seeding import derive_seed

FOLDER, NAME = "features", "features"
"""Of the cache, and of the files of an entry."""


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
    """Train the extractor on train and run all images through it, unless somebody has done so.

    The result is looked for at `path`, then in the cache folder, where it is left for others. A
    file of other images or settings, or one that cannot be read, is made anew.

    Args:
        path: Of the features; the weights, if asked for, lie beside it with the suffix .pt.
    """
    recipe = "/".join(
        (
            identity_of(config.extractor, seed),
            pool.digest,
            *(images.digest for name, images in splits.named().items() if name != "test"),
        )
    )
    known = _read(path, recipe, keep_weights)
    if known is not None:
        return known
    entry = entry_of(FOLDER, (recipe, _computed_by()))
    with sole_worker(entry, "feature extractor") as is_cached:
        known = _fetch(entry, path, recipe, keep_weights) if is_cached else None
        if known is not None:
            return known
        made = _make(config, splits, pool, seed, path, recipe, keep_weights)
        if is_cached:
            _share(path, entry, keep_weights)
    release()  # evaluators may be on the same GPU
    return made


def _computed_by() -> tuple[str, ...]:
    """What the last digits depend on besides the recipe, or more than those (bf16)."""
    device = best_device()
    is_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if is_gpu else torch.backends.cpu.get_cpu_capability()
    with few_threads():
        return device.type, name, str(torch.__version__), str(torch.get_num_threads())


def _fetch(entry: Path, path: Path, recipe: str, keep_weights: bool) -> Extracted | None:
    """What another run left in the cache, linked to `path`; None where that is not enough."""
    wanted = _files(path, keep_weights)
    try:
        for file in wanted:
            link(entry / f"{NAME}{file.suffix}", file)
    except OSError:  # there is none, or another process has just trimmed it away
        return None
    known = _read(path, recipe, keep_weights)
    if known is not None:
        console.print(f"features: made before, taken from {entry}", markup=False)
        mark_used(entry)
    return known


def _share(path: Path, entry: Path, keep_weights: bool) -> None:
    with suppress(OSError, InputError):  # a full disk, say: they are in the folder
        for file in _files(path, keep_weights):
            link(file, entry / f"{NAME}{file.suffix}")
    trim(entry.parent, entry, limit_bytes())


def _files(path: Path, keep_weights: bool) -> tuple[Path, ...]:
    """Weights first: where the features are, all is that the reader asked for."""
    return (path.with_suffix(".pt"), path) if keep_weights else (path,)


def _read(path: Path, recipe: str, keep_weights: bool) -> Extracted | None:
    features = _load(path, recipe)
    if features is None or not keep_weights:
        return features and Extracted(features, {})
    weights = _load_weights(path.with_suffix(".pt"), recipe)
    return None if weights is None else Extracted(features, weights)


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
    if isinstance(config.extractor, ClassifierConfig):
        made = _train(config.extractor, splits, pool, seed, keep_weights)
    else:
        made = Extracted(frozen_features(config.extractor, splits, pool.candidates, seed), {})
    with replacing(path) as temporary:
        np.savez(temporary, recipe=np.array(recipe), **asdict(made.features))
    if keep_weights:
        buffer = BytesIO()  # torch would hide from us that a disk is full
        torch.save({"recipe": recipe, "weights": made.weights}, buffer)
        write_bytes(path.with_suffix(".pt"), buffer.getbuffer())
    return made


def _train(
    config: ClassifierConfig, splits: Splits, pool: Pool, seed: int, keep_weights: bool
) -> Extracted:
    device = best_device()
    train = Resident.put(splits.train.images, splits.train.labels, device)
    with few_threads():
        fitted = fit(
            config,
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
    state = fitted.model.state_dict() if keep_weights else {}
    return Extracted(features, {name: value.cpu() for name, value in state.items()})
