"""The candidates of a finished run, to export or examine its selection."""

from pathlib import Path

from rlsel.data import load_splits
from rlsel.errors import InputError
from rlsel.pool import Pool, build_pool, read_pool
from rlsel.runs.config_file import read_experiment
from rlsel.runs.record import Record
from rlsel.stages.candidates import POOL, without_copies


def reopen_pool(run_dir: Path) -> Pool:
    """The candidates from which a run has selected, unchanged.

    Candidates that are stored in the run folder are read from there, others from their source.

    Raises:
        InputError: there is no such run, or its inputs are gone or have changed since.
    """
    digest = Record.read(run_dir).pool_digest
    if (run_dir / POOL).exists():
        pool = read_pool(run_dir / POOL)
        if pool.digest == digest:
            return pool
    experiment = read_experiment(run_dir)
    if experiment.generator is not None:
        raise InputError(f"{run_dir}: its {POOL} is gone or damaged; bring it back, or run again")
    try:
        splits = load_splits(experiment.data, experiment.seed)
        given = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
        pool = without_copies(experiment, splits, given).pool
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
