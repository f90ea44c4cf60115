"""The small door: arrays in hand, a selection out."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlsel.data import EmbeddingSet, ImageSet, SampleSet, Splits
from rlsel.data.splits import require_every_class
from rlsel.data.stratify import cut
from rlsel.data.vectors import find_unusable
from rlsel.errors import InputError
from rlsel.experiment.config import OF_EMBEDDINGS, Experiment, build_experiment, merge
from rlsel.pipeline import select_and_score
from rlsel.pool import Pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.rewards.elsewhere import workplace
from rlsel.runs.claim import claim, new_record
from rlsel.seeding import rng
from rlsel.selectors import Selection
from rlsel.selectors.peers import require_packages
from rlsel.stages.candidates import POOL, Candidates
from rlsel.stages.inputs import digests_of_weights, require_same_kind
from rlsel.stages.pool_limits import require_pool

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
        train: (images, labels): uint8 (n, h, w, 3) and integers from 0; or (embeddings, labels):
            floats (n, width).
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
    settings = merge({"name": "arrays", **_kind(train)}, options)
    experiment = build_experiment(settings, "rlsel.select")
    _require_used(experiment)
    require_packages(experiment.selection.methods)
    labelled = {"train": train, "val": val, "candidates": candidates}
    labelled |= {"test": test} if test is not None else {}
    arrays = {what: _checked(what, pair) for what, pair in labelled.items()}
    _require_one_shape({what: values for what, (values, _) in arrays.items()})
    names = class_names or tuple(str(c) for c in range(int(arrays["train"][1].max()) + 1))
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"class_names has {twice[0]!r} more than once; give each class its own")
    sets = {what: _samples(what, *pair, names) for what, pair in arrays.items()}
    require_every_class({what: sets[what] for what in arrays if what != "candidates"})
    splits = _splits(experiment, sets)
    pool = Pool(sets["candidates"], source="arrays given to rlsel.select")
    require_enough(pool)
    require_same_kind(experiment, splits.train)
    require_pool(experiment, splits.train, pool.candidates.counts)
    experiment.selection.ranges_of(names)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(out) if out else Path(temporary) / "run"
        blank = new_record(experiment, command=COMMAND)
        with claim(experiment, path, resume=out is not None, blank=blank) as folder:
            given = digests_of_weights(experiment) | {"candidates": pool.digest}
            folder.require_same(splits, **given)
            if out and not (path / POOL).exists():  # nobody else could bring the arrays back
                write_pool(pool, path / POOL)
            with workplace(experiment.evaluators, experiment.classifier.precision) as where:
                return select_and_score(experiment, splits, Candidates(pool), folder, where)


def _splits(experiment: Experiment, sets: Mapping[str, SampleSet]) -> Splits:
    """The arrays in their roles; without test images test is empty."""
    fraction = experiment.data.reward_val_fraction
    halves = cut(
        sets["val"].labels, None, (fraction, 1 - fraction), rng(experiment.seed, "halves of val")
    )
    reward_val, selection_val = (sets["val"].take(half) for half in halves)
    require_every_class({"reward_val": reward_val, "selection_val": selection_val})
    nothing = np.array([], dtype=np.int64)
    return Splits(
        train=sets["train"],
        reward_val=reward_val,
        selection_val=selection_val,
        test=sets["test"] if "test" in sets else sets["val"].take(nothing),
    )


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
    """Images or embeddings and labels, once they are known to be what is needed."""
    try:
        values, labels = (np.asarray(array) for array in pair)
    except (TypeError, ValueError):
        raise InputError(f"{what}: give a pair (images, labels)") from None
    is_images = values.dtype == np.uint8 and values.ndim == 4 and values.shape[-1] == 3
    if not (is_images or _are_embeddings(values)):
        raise InputError(
            f"{what}: images must be uint8 of shape (n, h, w, 3), and embeddings floats of shape "
            f"(n, width), not {values.dtype} of {values.shape}"
        )
    if labels.shape != (len(values),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{what}: labels must be {len(values)} integers, not {labels.dtype} of {labels.shape}"
        )
    if not len(values):
        raise InputError(f"{what}: there is not a single sample")
    if not is_images and (unusable := find_unusable(values)):
        raise InputError(f"{what}: the embedding at {unusable.rows[0]} holds {unusable.said}")
    return values, labels


def _are_embeddings(values: np.ndarray) -> bool:
    return values.ndim == 2 and np.issubdtype(values.dtype, np.floating)


def _kind(train: Labelled) -> dict[str, Any]:
    """Settings that go without saying for samples of this kind."""
    first = np.asarray(train[0]) if isinstance(train, tuple) and len(train) == 2 else np.zeros(0)
    return OF_EMBEDDINGS if _are_embeddings(first) else {}


def _samples(
    what: str, values: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> SampleSet:
    if not 0 <= labels.min() <= labels.max() < len(class_names):
        raise InputError(
            f"{what}: labels run from {labels.min()} to {labels.max()}, but the classes are "
            f"{', '.join(f'{i} {name!r}' for i, name in enumerate(class_names))}"
        )
    ids = np.array([f"{what}-{i:06d}" for i in range(len(values))])
    labels = labels.astype(np.int64)
    if _are_embeddings(values):
        return EmbeddingSet(values.astype(np.float32, copy=False), labels, class_names, ids)
    return ImageSet(values, labels, class_names, ids)


def _require_one_shape(values: Mapping[str, np.ndarray]) -> None:
    shapes = {what: array.shape[1:] for what, array in values.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(
            f"{what} {' x '.join(map(str, shape[:2]))}" for what, shape in shapes.items()
        )
        raise InputError(f"samples differ in size ({listed}); give all of them one size")
