"""`build_pool`: candidates from the configured source, made to fit the real images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rlsel.data import (
    DataConfig,
    ImageSet,
    PhantomSource,
    Splits,
)
from rlsel.data.decoding.resize import resize_set
from rlsel.data.image_set import as_images, size_of
from rlsel.data.phantom import PhantomPool, draw_candidates
from rlsel.data.read import in_class_order, read_whole
from rlsel.data.samples import SampleSet
from rlsel.errors import InputError
from rlsel.machine.wording import counted
from rlsel.pool.config import EmbeddingsPool, FolderPool, NpzPool, ParquetPool, PoolConfig
from rlsel.pool.parquet_file import read_pool
from rlsel.pool.planted import PlantedPool, plant
from rlsel.pool.pool import Pool, short_digests
from rlsel.seeding import rng

MIN_PER_CLASS = 8
"""Fewest candidates of a class that has any. An episode cuts the pool into 8 batches, each of which
needs one candidate of the class."""


def build_pool(config: PoolConfig, splits: Splits, data_config: DataConfig, seed: int) -> Pool:
    """Candidates with the size and classes of the training images, none of them a real image.

    A candidate with exactly the pixels of a training, validation or test image is dropped: it adds
    nothing to training, or leaks validation or test data. Candidates that are identical to each
    other stay. A note reports both.

    Raises:
        InputError: a file is wrong, a class is unknown, or a class has from 1 to 7 candidates.
    """
    made = MAKERS[type(config)](config, splits, data_config, rng(seed, "pool"))
    return fit_to(splits, made)


def fit_to(splits: Splits, made: Pool) -> Pool:
    """The same candidates, with the size and class order of the training images, without real ones.

    Raises:
        InputError: a class is unknown or has too few candidates, or the generator was trained on
            images that are for validation or test here.
    """
    _require_kind(splits.train, made)
    candidates = in_class_order(made.candidates, splits.class_names, f"the pool ({made.source})")
    pool = replace(made, candidates=_shaped_as(splits.train, candidates, made.source))
    _require_unseen(pool, splits)
    pool = _without_real(pool, splits)
    require_enough(pool)
    notes = (*pool.notes, *_ignored(made, splits), *_repeats(pool))
    return replace(pool, notes=(*dict.fromkeys(notes),))


def _require_kind(train: SampleSet, made: Pool) -> None:
    if type(train) is not type(made.candidates):
        raise InputError(
            f"the pool ({made.source}) holds {made.candidates.noun}s, and the real samples are "
            f"{train.noun}s; give both as the same"
        )


def _shaped_as(train: SampleSet, candidates: SampleSet, source: str) -> SampleSet:
    """The candidates, resized to the shape of the real samples."""
    if isinstance(train, ImageSet) and isinstance(candidates, ImageSet):
        return resize_set(candidates, train.size)
    if train.shape != candidates.shape:
        raise InputError(
            f"the pool ({source}) has {candidates.noun}s of {candidates.shape_text}, and the real "
            f"ones have {train.shape_text}; compute both by one model"
        )
    return candidates


def _phantom(
    config: PhantomPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    if not isinstance(data_config.source, PhantomSource):
        is_image = isinstance(splits.train, ImageSet)
        others = "planted, folder, parquet or npz" if is_image else "embeddings or planted"
        raise InputError(
            "pool.name is phantom, also where pool is left out, which needs data.source.name "
            f"phantom; for {data_config.source.name} take {others}"
        )
    drawn = draw_candidates(config, data_config.source, as_images(splits.train), generator)
    candidates, kinds, useful = drawn
    return Pool(candidates, source="tissue phantom", kinds=kinds, useful=useful)


def _planted(
    config: PlantedPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    held_back = splits.held_back
    if held_back is None:
        return plant(config, None, generator)
    # Real images are removed before planting, so that the counts of the kinds are exact.
    fresh = ~_is_real(held_back, splits)
    pool = plant(config, held_back.take(fresh), generator)
    what = f"held-back {held_back.noun}"
    return replace(pool, notes=_dropped(int((~fresh).sum()), what, held_back))


def _folder(
    config: FolderPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    candidates, notes = read_whole(config.source, size_of(splits.train), data_config.skip_bad)
    return Pool(candidates, source=f"folder {config.path}", notes=notes)


def _parquet(
    config: ParquetPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    return read_pool(config.source, size_of(splits.train), data_config.skip_bad)


def _npz(
    config: NpzPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    candidates, notes = read_whole(config.source, size_of(splits.train), data_config.skip_bad)
    return Pool(candidates, source=f"file {config.path}", notes=notes)


def _embeddings(
    config: EmbeddingsPool, splits: Splits, data_config: DataConfig, generator: np.random.Generator
) -> Pool:
    return read_pool(config.source)


MAKERS: dict[type, Callable[..., Pool]] = {
    PhantomPool: _phantom,
    PlantedPool: _planted,
    FolderPool: _folder,
    ParquetPool: _parquet,
    NpzPool: _npz,
    EmbeddingsPool: _embeddings,
}


def _without_real(pool: Pool, splits: Splits) -> Pool:
    fresh = ~_is_real(pool.candidates, splits)
    if fresh.all():
        return pool
    notes = (*pool.notes, *_dropped(int((~fresh).sum()), "candidate", pool.candidates))
    return replace(pool.take(fresh), notes=notes)


def _require_unseen(pool: Pool, splits: Splits) -> None:
    """Refuse a pool whose generator was trained on validation or test images of this run.

    That can happen because splits drawn by seed differ between runs that share a pool. Images are
    recognised only at the size at which the generator was trained.
    """
    if pool.trained_on is None:
        return
    # Images that are also in train here are a leak in the data, which `describe_inputs` reports.
    seen_elsewhere = np.setdiff1d(pool.trained_on, short_digests(splits.train))
    for name, images in splits.named().items():
        num_seen = int(np.isin(short_digests(images), seen_elsewhere).sum())
        if name != "train" and num_seen:
            raise InputError(
                f"the pool ({pool.source}): its generator was trained on {num_seen:,} of the "
                f"{len(images):,} images of {name}, so scores would be too good; take the data and "
                "the seed that it was trained with, or make a pool anew (rlsel generate)"
            )


def _is_real(images: SampleSet, splits: Splits) -> np.ndarray:
    """(n,) true where the pixels equal those of a training, validation or test image."""
    real = np.concatenate([part.value_digests for part in splits.named().values()])
    return np.isin(images.value_digests, real)


def _dropped(count: int, what: str, samples: SampleSet) -> tuple[str, ...]:
    text = (
        f"dropped {counted(count, what)} with the {samples.content_noun} of a training, validation "
        f"or test {samples.noun}"
    )
    return (text,) if count else ()


def _ignored(made: Pool, splits: Splits) -> tuple[str, ...]:
    """A note on empty classes of the pool that training lacks. Non-empty ones were refused."""
    names = [name for name in made.candidates.class_names if name not in splits.class_names]
    text = f"ignored {', '.join(map(repr, names))}, a class that training lacks, with no candidate"
    return (text,) if names else ()


def _repeats(pool: Pool) -> tuple[str, ...]:
    num_extra = len(pool) - len(np.unique(pool.candidates.value_digests))
    content = pool.candidates.content_noun
    text = f"{counted(num_extra, 'candidate')} with the {content} of another candidate; kept"
    return (text,) if num_extra else ()


def require_enough(pool: Pool) -> None:
    """Refuse a pool without candidates, or with too few of a class that has any.

    Raises:
        InputError: the pool is refused; the message names the class.
    """
    if not len(pool):
        raise InputError(f"the pool ({pool.source}) has no candidate left to choose from")
    for name, count in pool.candidates.counts.items():
        if 0 < count < MIN_PER_CLASS:
            raise InputError(
                f"the pool ({pool.source}) has {counted(count, 'candidate')} of class {name!r}; at "
                f"least {MIN_PER_CLASS} are needed, one for each batch of an episode, or none: a "
                "class may be left out"
            )
