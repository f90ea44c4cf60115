"""A training that any run may use: the same images and settings are trained on once.

A cache entry holds what a finished training left, as hard links where the file system has them.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.generators.registry import generator_of
from rlsel.generators.seam import GeneratorSettings, Trained
from rlsel.generators.training_folder import CHECKPOINT, GRIDS, STEPS, grids_in
from rlsel.machine.cache.folder import entry_of
from rlsel.machine.cache.shared_work import link, sole_worker
from rlsel.machine.cache.trim import limit_bytes, mark_used, trim
from rlsel.machine.progress import console
from rlsel.machine.workplace import Here, Workplace

OF_A_TRAINING = (CHECKPOINT, STEPS, f"{GRIDS}/*")
"""Files that a training goes on from."""


def train_or_fetch(
    config: GeneratorSettings,
    train: ImageSet,
    seed: int,
    folder: Path,
    on_save: Callable[[], object] = lambda: None,
    where: Workplace | None = None,
) -> Trained[Any]:
    """Train the generator in `folder`, unless somebody has trained the same before.

    Without a cache that can be written to it trains in any case.

    Args:
        on_save: Called after every checkpoint.
        where: Where it is trained; None is this process.

    Raises:
        InputError: as `Generator.train`, or `folder` cannot be written to.
    """
    generator = generator_of(config)
    entry = entry_of("generators", (generator.layout, generator.about(config, train, seed)))
    with sole_worker(entry, "generator") as is_cached:
        if is_cached and (entry / CHECKPOINT).exists() and not (folder / CHECKPOINT).exists():
            console.print(f"generator: trained before, taken from {entry}", markup=False)
            with suppress(FileNotFoundError):  # another run has just trimmed it away
                _link(entry, folder)
                mark_used(entry)
        trained = (where or Here()).run_in(
            folder, OF_A_TRAINING, partial(generator.train, config, train, seed), on_save
        )
        if is_cached and not (entry / CHECKPOINT).exists():
            with suppress(OSError, InputError):  # a full disk, say: it is in the folder
                _link(folder, entry)
            trim(entry.parent, entry, limit_bytes())
    return trained


def _link(source: Path, target: Path) -> None:
    """The checkpoint comes last: where it is, all is."""
    for file in (*grids_in(source), source / STEPS, source / CHECKPOINT):
        link(file, target / file.relative_to(source))
