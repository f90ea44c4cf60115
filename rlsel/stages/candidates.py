"""The candidates of a run: for the run itself, when it goes on, and for whoever opens it later."""

from collections.abc import Callable
from pathlib import Path

from rlsel.data import Splits, load_splits
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment
from rlsel.pool import Pool, build_pool, fit_to, read_pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.quality.of_run import drop_copies
from rlsel.runs.folder import read_experiment
from rlsel.runs.record import Record

POOL = "pool.parquet"
"""Candidates that can be read nowhere else: what a run's generator made, and arrays."""


def pool_of_run(
    experiment: Experiment, splits: Splits, run_dir: Path, fresh: Callable[[], Pool]
) -> Pool:
    """What a run selects among: without copies of training images where `audit.drop_copies` is on.

    Args:
        run_dir: Keeps what a generator made, for then it is not made again.
        fresh: Reads or makes the candidates where the folder holds none.

    Raises:
        InputError: the candidates are wrong, or too few are left.
    """
    path = run_dir / POOL
    is_kept = path.exists()
    pool = fit_to(splits, read_pool(path, splits.size)) if is_kept else fresh()
    if experiment.audit.drop_copies:
        pool = drop_copies(splits, pool, experiment.seed, run_dir)
        require_enough(pool)
    if experiment.generator is not None and not is_kept:
        write_pool(pool, path)
    return pool


def reopen_pool(run_dir: Path) -> Pool:
    """The very candidates that a run has selected among.

    Candidates that lie in the run folder need nothing else; others are read from where they were.

    Raises:
        InputError: no such run, or its inputs are gone or have changed since.
    """
    digest = Record.read(run_dir).pool_digest
    if (run_dir / POOL).exists():
        pool = read_pool(run_dir / POOL)
        if pool.digest == digest:
            return pool
    experiment = read_experiment(run_dir)

    def fresh() -> Pool:
        if experiment.generator is not None:
            raise InputError(f"{run_dir}: its {POOL} is gone; bring it back, or run it again")
        return build_pool(experiment.pool, splits, experiment.data, experiment.seed)

    try:
        splits = load_splits(experiment.data, experiment.seed)
        pool = pool_of_run(experiment, splits, run_dir, fresh)
    except InputError as error:
        if not experiment.folder or Path(experiment.folder).exists():
            raise
        raise InputError(
            f"{error}; its config lay in {experiment.folder}, which is gone: if the project has "
            f"moved, tell the run where to by: rlsel run YOUR.yaml --resume --out {run_dir}"
        ) from None
    if pool.digest != digest:
        raise InputError(
            f"{run_dir}: the candidates have changed since this run; bring back {pool.source}"
        )
    return pool
