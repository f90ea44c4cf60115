"""Trainings shared between runs: equal images and settings are trained on only once.

A cache entry holds the files of a finished training, as hard links if the file system has them.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.generators.histogan.checkpoint import LAYOUT, About
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.train import CHECKPOINT, Trained, train_generator
from rlsel.generators.histogan.watch import GRIDS, STEPS
from rlsel.machine.cache.folder import entry_of
from rlsel.machine.cache.shared_work import link, sole_worker
from rlsel.machine.cache.trim import limit_bytes, mark_used, trim
from rlsel.machine.progress import console


def train_or_fetch(
    config: HistoGANConfig,
    train: ImageSet,
    seed: int,
    folder: Path,
    on_save: Callable[[], object] = lambda: None,
) -> Trained:
    """Take a finished training from the cache, else run `train_generator` in `folder`.

    If the cache cannot be written to, the generator is always trained.

    Args:
        on_save: Called after every checkpoint.

    Raises:
        InputError: as in `train_generator`, or `folder` cannot be written to.
    """
    entry = entry_of("generators", (LAYOUT, About.of(config, train, seed)))
    with sole_worker(entry, "generator") as is_cached:
        if is_cached and (entry / CHECKPOINT).exists() and not (folder / CHECKPOINT).exists():
            console.print(f"generator: trained before, taken from {entry}", markup=False)
            with suppress(FileNotFoundError):  # another run may have just trimmed it
                _link(entry, folder)
                mark_used(entry)
        trained = train_generator(config, train, seed, folder, on_save)
        if is_cached and not (entry / CHECKPOINT).exists():
            with suppress(OSError, InputError):  # such as a full disk; `folder` has it
                _link(folder, entry)
            trim(entry.parent, entry, limit_bytes())
    return trained


def _link(source: Path, target: Path) -> None:
    """Link all files. The checkpoint comes last, so an entry with a checkpoint is complete."""
    for file in (*sorted((source / GRIDS).glob("*.png")), source / STEPS, source / CHECKPOINT):
        link(file, target / file.relative_to(source))
