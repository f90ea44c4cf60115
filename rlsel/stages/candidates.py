"""The candidates of a run: given ones, or those made by its generator."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rlsel.data import Splits
from rlsel.data.image_set import as_images, size_of
from rlsel.experiment.config import Experiment
from rlsel.generators.candidates import make_candidates
from rlsel.generators.train_once import train_or_fetch
from rlsel.machine.cache.kept import Form, Work
from rlsel.machine.device_memory import release
from rlsel.machine.workplace import Here, Workplace
from rlsel.pool import Pool, fit_to, read_pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.quality.of_run import drop_copies
from rlsel.quality.pairs import Pairs, read_pairs, write_pairs

POOL = "pool.parquet"
"""File of candidates that have no other file: those made by the run's generator, and arrays."""


@dataclass(frozen=True)
class Candidates:
    """The candidates from which a run selects."""

    pool: Pool
    dropped: Pairs | None = None
    """Pairs that show why candidates were dropped as copies; None if none was dropped."""
    warnings: tuple[str, ...] = ()
    """Warnings from the generator's training."""


def without_copies(experiment: Experiment, splits: Splits, pool: Pool) -> Candidates:
    """The given candidates, without copies of training images if `audit.drop_copies` is on.

    Raises:
        InputError: too few candidates are left.
    """
    if not experiment.audit.drop_copies:
        return Candidates(pool)
    left, dropped = drop_copies(splits, pool, experiment.seed)
    require_enough(left)
    return Candidates(left, dropped)


def generation(
    experiment: Experiment,
    splits: Splits,
    within: Path,
    on_save: Callable[[], object],
    where: Workplace | None = None,
) -> Work[Candidates]:
    """`generate` as work that a run keeps, so that a resumed run has the same candidates."""
    images = [part.digest for part in splits.named().values()]
    drops = experiment.audit.drop_copies
    return Work(
        "candidates",
        (repr(experiment.generator), experiment.seed, drops, *images),
        partial(generate, experiment, splits, within, on_save, where or Here()),
        _form(splits),
        is_shared=False,
    )


def generate(
    experiment: Experiment,
    splits: Splits,
    within: Path,
    on_save: Callable[[], object],
    where: Workplace,
) -> Candidates:
    """Train the generator on the training images, or reuse such a training, and make candidates.

    Args:
        within: A folder for checkpoints and grids. The training can take hours, and an interrupted
            one continues from there.
        on_save: Called after every checkpoint.
        where: Where it is trained.

    Raises:
        InputError: the images cannot be trained on, or too few candidates are left.
    """
    config, seed = experiment.generator, experiment.seed
    if config is None:
        raise ValueError("the experiment has no generator")
    trained = train_or_fetch(config, as_images(splits.train), seed, within, on_save, where)
    wanted = (trained.checkpoint, config.num_per_class, seed, config.classes)
    made = where.run(partial(make_candidates, *wanted))
    release()  # evaluators may be on the same GPU
    found = without_copies(experiment, splits, fit_to(splits, made))
    return Candidates(found.pool, found.dropped, tuple(trained.warnings))


def _form(splits: Splits) -> Form[Candidates]:
    def write(candidates: Candidates, folder: Path) -> None:
        if candidates.dropped is not None:
            write_pairs(candidates.dropped, folder)
        write_pool(candidates.pool, folder / POOL)

    def read(folder: Path) -> Candidates:
        pool = fit_to(splits, read_pool(folder / POOL, size_of(splits.train)))
        return Candidates(pool, read_pairs(folder))

    return Form("candidates", (POOL,), write, read)
