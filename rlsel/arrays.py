"""The small door: arrays in hand, a selection out."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlsel.data import ImageSet, Splits
from rlsel.data.splits import require_every_class
from rlsel.data.stratify import cut
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, build_experiment
from rlsel.pipeline import select_and_score
from rlsel.pool import Pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.runs.claim import claim, new_record
from rlsel.seeding import rng
from rlsel.selectors import Selection
from rlsel.selectors.peers import require_packages
from rlsel.stages.candidates import POOL, Candidates

Labelled = tuple[np.ndarray, np.ndarray]
COMMAND = "rlsel.select(..., out=...)"
"""What stands in the record in the place of a command line."""


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
        out: A folder to keep the run in, and to resume from or to export; by default nothing is
            kept.
        **options: Settings as in a config file, e.g. `seed=1, algorithm={"iterations": 10}`.

    Returns:
        `.kept_N`, the mask over the candidates, and `.score_N`, their keep probabilities.

    Raises:
        InputError: an array is of the wrong shape, type or size, or an option is unknown.
    """
    experiment = build_experiment({"name": "arrays", **options}, "rlsel.select")
    _require_used(experiment)
    require_packages(experiment.selection.methods)
    labelled = {"train": train, "val": val, "candidates": candidates}
    labelled |= {"test": test} if test is not None else {}
    arrays = {what: _checked(what, pair) for what, pair in labelled.items()}
    _require_one_size({what: images for what, (images, _) in arrays.items()})
    names = class_names or tuple(str(c) for c in range(int(arrays["train"][1].max()) + 1))
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"class_names has {twice[0]!r} more than once; give each class its own")
    sets = {what: _image_set(what, *pair, names) for what, pair in arrays.items()}
    require_every_class({what: sets[what] for what in arrays if what != "candidates"})
    fraction = experiment.data.reward_val_fraction
    halves = cut(
        sets["val"].labels, None, (fraction, 1 - fraction), rng(experiment.seed, "halves of val")
    )
    reward_val, selection_val = (sets["val"].take(half) for half in halves)
    require_every_class({"reward_val": reward_val, "selection_val": selection_val})
    nothing = np.array([], dtype=np.int64)
    splits = Splits(
        train=sets["train"],
        reward_val=reward_val,
        selection_val=selection_val,
        test=sets["test"] if test is not None else sets["val"].take(nothing),
    )
    pool = Pool(sets["candidates"], source="arrays given to rlsel.select")
    require_enough(pool)
    experiment.selection.ranges_of(names)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(out) if out else Path(temporary) / "run"
        blank = new_record(experiment, command=COMMAND)
        with claim(experiment, path, resume=out is not None, blank=blank) as folder:
            folder.require_same(splits.train.digest, pool.digest)
            if out and not (path / POOL).exists():  # nobody else could bring the arrays back
                write_pool(pool, path / POOL)
            return select_and_score(experiment, splits, Candidates(pool), folder)


def _require_used(experiment: Experiment) -> None:
    """Refuse settings that nothing here would obey."""
    if experiment.generator is not None:
        raise InputError(
            "rlsel.select: generator is given, but the candidates are; leave it out, or make "
            "candidates with `rlsel generate`"
        )
    if experiment.audit.drop_copies:
        raise InputError(
            "rlsel.select: audit.drop_copies is true, but the mask is over all candidates; leave "
            "it out, or write them with rlsel.pool.write_pool and use `rlsel run`"
        )


def _checked(what: str, pair: Labelled) -> Labelled:
    """Images and labels as arrays, once they are known to be what is needed."""
    try:
        images, labels = (np.asarray(array) for array in pair)
    except (TypeError, ValueError):
        raise InputError(f"{what}: give a pair (images, labels)") from None
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise InputError(
            f"{what}: images must be uint8 of shape (n, h, w, 3), "
            f"not {images.dtype} of {images.shape}"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{what}: labels must be {len(images)} integers, not {labels.dtype} of {labels.shape}"
        )
    if not len(images):
        raise InputError(f"{what}: there is not a single image")
    return images, labels


def _image_set(
    what: str, images: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> ImageSet:
    if not 0 <= labels.min() <= labels.max() < len(class_names):
        raise InputError(
            f"{what}: labels run from {labels.min()} to {labels.max()}, but the classes are "
            f"{', '.join(f'{i} {name!r}' for i, name in enumerate(class_names))}"
        )
    ids = np.array([f"{what}-{i:06d}" for i in range(len(images))])
    return ImageSet(images, labels.astype(np.int64), class_names, ids)


def _require_one_size(images: Mapping[str, np.ndarray]) -> None:
    sizes = {what: array.shape[1:3] for what, array in images.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{what} {h} x {w}" for what, (h, w) in sizes.items())
        raise InputError(f"images differ in size ({listed}); resize them to one size")
