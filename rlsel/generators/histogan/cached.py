"""A training that any run may use: the same images and settings are trained on once.

A cache entry holds what a finished training left, as hard links where the file system has them.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock

from rlsel.atomic_files import writing
from rlsel.data.decoding.cache import cache_folder
from rlsel.data.decoding.trim import limit_bytes, mark_used, trim
from rlsel.data.image_set import ImageSet
from rlsel.generators.histogan.checkpoint import LAYOUT, About
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.train import CHECKPOINT, Trained, train_generator
from rlsel.generators.histogan.watch import GRIDS, STEPS
from rlsel.progress import console


def train_or_fetch(config: HistoGANConfig, train: ImageSet, seed: int, folder: Path) -> Trained:
    """`train_generator` in `folder`, unless somebody has trained the same before.

    Without a cache that can be written to it trains in any case.

    Raises:
        InputError: as `train_generator`, or `folder` cannot be written to.
    """
    about = repr((LAYOUT, About.of(config, train, seed))).encode()
    entry = cache_folder() / "generators" / blake2b(about, digest_size=16).hexdigest()
    with _locked(entry) as is_cached:
        if is_cached and (entry / CHECKPOINT).exists() and not (folder / CHECKPOINT).exists():
            console.print(f"generator: trained before, taken from {entry}", markup=False)
            with writing(folder / CHECKPOINT):
                _link(entry, folder)
            mark_used(entry)
        trained = train_generator(config, train, seed, folder)
        if is_cached and not (entry / CHECKPOINT).exists():
            with suppress(OSError):  # a full disk, say: it is in the folder
                _link(folder, entry)
            trim(entry.parent, entry, limit_bytes())
    return trained


@contextmanager
def _locked(entry: Path) -> Iterator[bool]:
    """Runs of a sweep may want the same one: the first trains, the others wait. False: no cache."""
    lock = FileLock(entry.with_name(f".{entry.name}.lock"))
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        console.print(f"{entry.parent}: going on without a cache ({error.strerror})", markup=False)
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _link(source: Path, target: Path) -> None:
    """The checkpoint comes last: where it is, all is."""
    (target / GRIDS).mkdir(parents=True, exist_ok=True)
    for file in (*sorted((source / GRIDS).glob("*.png")), source / STEPS, source / CHECKPOINT):
        copy = target / file.relative_to(source)
        copy.unlink(missing_ok=True)
        try:
            os.link(file, copy)
        except OSError:
            shutil.copy(file, copy)
