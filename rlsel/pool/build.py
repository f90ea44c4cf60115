"""`build_pool`: candidates from wherever the config says, made to fit the real images."""

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
"""Of a class that has any: an episode cuts the pool into 8 batches, and each needs one of them."""


def build_pool(config: PoolConfig, splits: Splits, data_config: DataConfig, seed: int) -> Pool:
    """Candidates of the size and with the classes of the training images, none of them real data.

    A candidate with the very pixels of a training, validation or test image is dropped, as it adds
    nothing or gives the answer away. Candidates that are the same as each other stay. Both are
    noted.

    Raises:
        InputError: a file is wrong, a class is unknown, or a class has from 1 to 7 candidates.
    """
    made = MAKERS[type(config)](config, splits, data_config, rng(seed, "pool"))
    return fit_to(splits, made)


def fit_to(splits: Splits, made: Pool) -> Pool:
    """The same candidates in the size and order of classes of the training images, no real one
    among them.

    Raises:
        InputError: a class is unknown or has too few, or their generator has seen images that are
            for validation or test here.
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
    """Candidates of the kind and shape of the real samples."""
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
        raise InputError(
            f"pool.name is phantom, which needs data.source.name phantom; for "
            f"{data_config.source.name} take planted, folder, parquet or npz"
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
    # Before planting, so that the counts of the kinds come out exactly.
    fresh = ~_is_real(held_back, splits)
    pool = plant(config, held_back.take(fresh), generator)
    return replace(pool, notes=_dropped(int((~fresh).sum()), "held-back image"))


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
    notes = (*pool.notes, *_dropped(int((~fresh).sum()), "candidate"))
    return replace(pool.take(fresh), notes=notes)


def _require_unseen(pool: Pool, splits: Splits) -> None:
    """Splits that are drawn by the seed differ from run to run, and a pool goes from run to run.

    Only images of the size that the generator was trained at are recognised.
    """
    if pool.trained_on is None:
        return
    # An image that is in train as well is a matter of the data, of which `describe_inputs` tells.
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
    """(n,) true where a training, validation or test image has the same pixels."""
    real = np.concatenate([part.value_digests for part in splits.named().values()])
    return np.isin(images.value_digests, real)


def _dropped(count: int, what: str) -> tuple[str, ...]:
    text = f"dropped {counted(count, what)} with the pixels of a training, validation or test image"
    return (text,) if count else ()


def _ignored(made: Pool, splits: Splits) -> tuple[str, ...]:
    """A note on classes that training lacks; those with a candidate have been refused."""
    names = [name for name in made.candidates.class_names if name not in splits.class_names]
    text = f"ignored {', '.join(map(repr, names))}, a class that training lacks, with no candidate"
    return (text,) if names else ()


def _repeats(pool: Pool) -> tuple[str, ...]:
    num_extra = len(pool) - len(np.unique(pool.candidates.value_digests))
    text = f"{counted(num_extra, 'candidate')} with the pixels of another candidate; kept"
    return (text,) if num_extra else ()


def require_enough(pool: Pool) -> None:
    """Refuse a pool with no candidate, or too few of a class that it has any of.

    Raises:
        InputError: names the class.
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
