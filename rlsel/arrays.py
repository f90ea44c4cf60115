"""The small door: arrays in hand, a selection out."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rlsel.config import build_experiment
from rlsel.data import ImageSet, Splits
from rlsel.data.stratify import cut
from rlsel.errors import InputError
from rlsel.monitoring import PeakMemory
from rlsel.pipeline import select_and_score
from rlsel.pool import Pool
from rlsel.records import Record, describe_device, installed_versions
from rlsel.run_folder import claim
from rlsel.seeding import rng
from rlsel.selectors import Selection

Labelled = tuple[np.ndarray, np.ndarray]


def select(
    train: Labelled,
    val: Labelled,
    candidates: Labelled,
    test: Labelled | None = None,
    class_names: tuple[str, ...] | None = None,
    out: Path | str | None = None,
    **options: Any,
) -> Selection:
    """Learn which of `candidates` are worth adding to `train`.

    Args:
        train: (images, labels): uint8 (n, h, w, 3) and integers from 0.
        val: Cut in two by `data.reward_val_fraction`: one half pays the rewards, the other chooses.
        candidates: As `train`; the mask that comes back is in their order.
        test: Scored at the end, once; without it no final scores are made.
        class_names: For messages and the report; numbers by default.
        out: A folder to keep the run in, and to resume from; by default nothing is kept.
        **options: Settings as in a config file, e.g. `seed=1, algorithm={"iterations": 10}`.

    Returns:
        `.kept_N`, the mask over the candidates, and `.score_N`, their keep probabilities.

    Raises:
        InputError: an array is of the wrong shape, type or size, or an option is unknown.
    """
    experiment = build_experiment({"name": "arrays", **options}, "rlsel.select")
    names = class_names or tuple(str(c) for c in range(int(np.max(train[1])) + 1))
    whole_val = _image_set("val", val, names)
    fraction = experiment.data.reward_val_fraction
    halves = cut(
        whole_val.labels, None, (fraction, 1 - fraction), rng(experiment.seed, "halves of val")
    )
    reward_val, selection_val = (whole_val.take(half) for half in halves)
    splits = Splits(
        train=_image_set("train", train, names),
        reward_val=reward_val,
        selection_val=selection_val,
        test=_image_set("test", test, names) if test is not None else whole_val.take([]),
    )
    pool = Pool(_image_set("candidates", candidates, names), source="arrays given to rlsel.select")
    _require_one_size(splits, pool)
    with tempfile.TemporaryDirectory() as temporary, PeakMemory() as memory:
        blank = Record(
            name=experiment.name,
            config_hash=experiment.hash,
            seed=experiment.seed,
            finished=False,
            device=describe_device(),
            versions=installed_versions(),
        )
        path = Path(out) if out else Path(temporary) / "run"
        folder = claim(experiment, path, resume=out is not None, blank=blank)
        return select_and_score(experiment, splits, pool, folder, memory)


def _image_set(what: str, arrays: Labelled, class_names: tuple[str, ...]) -> ImageSet:
    images, labels = (np.asarray(array) for array in arrays)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise InputError(
            f"{what}: images must be uint8 of shape (n, h, w, 3), "
            f"not {images.dtype} of {images.shape}"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{what}: labels must be {len(images)} integers, not {labels.dtype} of {labels.shape}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise InputError(
            f"{what}: labels run from {labels.min()} to {labels.max()}, but there are "
            f"{len(class_names)} classes: {', '.join(class_names)}"
        )
    ids = np.array([f"{what}-{i:06d}" for i in range(len(images))])
    return ImageSet(images, labels.astype(np.int64), class_names, ids)


def _require_one_size(splits: Splits, pool: Pool) -> None:
    sizes = {name: images.images.shape[1:3] for name, images in splits.named().items()}
    sizes["candidates"] = pool.candidates.images.shape[1:3]
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {h} x {w}" for name, (h, w) in sizes.items())
        raise InputError(f"images differ in size ({listed}); resize them to one size")
