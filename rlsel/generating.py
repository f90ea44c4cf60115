"""`rlsel generate`, and the same as a stage of a run: train a generator, make a pool with it."""

from pathlib import Path

from rlsel.checking import read_inputs
from rlsel.config import Experiment
from rlsel.data import Splits
from rlsel.errors import InputError
from rlsel.examining import examine
from rlsel.features.stored import extract_or_load
from rlsel.generators.candidates import make_candidates
from rlsel.generators.histogan.cached import train_or_fetch
from rlsel.generators.histogan.checkpoint import load_checkpoint
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.train import Trained
from rlsel.monitoring import PeakMemory
from rlsel.pool import Pool, fit_to, read_pool, write_pool
from rlsel.pool.build import require_enough
from rlsel.progress import console
from rlsel.quality.of_run import drop_copies
from rlsel.quality.report import describe_copies
from rlsel.reporting import print_candidates, write_report
from rlsel.run_folder import FEATURES, RunFolder, claim, new_record

POOL = "pool.parquet"
GENERATOR = "generator"
"""Folder of a run for what its generator showed."""


def generate(experiment: Experiment, out: Path, resume: bool = False, command: str = "") -> Path:
    """Train the generator of an experiment on its training images, and write a pool.

    Args:
        out: A folder for checkpoint, grids, figures and pool.
        resume: Go on with an interrupted training in `out`.

    Returns:
        the path of the pool.

    Raises:
        InputError: something the user gave is wrong.
    """
    if experiment.generator is None:
        raise InputError(
            f"{experiment.name}: has no generator; add `generator: {{name: histogan}}`"
        )
    seed = experiment.seed
    folder = claim(experiment, out, resume, new_record(experiment, command))
    if folder.record.num_kept:
        raise InputError(f"{out}: holds a run, not a generator; choose another --out")
    splits = _read_splits(experiment, folder)
    with PeakMemory() as memory:
        trained = train_or_fetch(experiment.generator, splits.train, seed, out)
        folder.finish_stage("generator")
        if (out / POOL).exists():  # what is known already is known of these very images
            pool = fit_to(splits, read_pool(out / POOL, splits.size))
        else:
            pool = _pool_of(trained, experiment.generator, splits, seed)
            if experiment.audit.drop_copies:
                pool = drop_copies(splits, pool, seed, out)
                require_enough(pool)
            folder.update(
                notes=list(pool.notes),
                warnings=list(trained.warnings),
                data_digest=splits.train.digest,
                pool_digest=pool.digest,
            )
            write_pool(pool, out / POOL)
        extracted = extract_or_load(experiment.features, splits, pool, seed, out / FEATURES)
        folder.finish_stage("features")
        audit = examine(experiment, splits, pool, extracted.features, folder, with_real=True)
    copies = {"said": describe_copies(audit), "pool_flagged": audit.share_flagged()}
    folder.update(finished=True, copies=copies, peak_memory_gib=memory.gib)
    print_candidates(folder.record, console)
    console.print(f"report: {write_report(out)}", markup=False)
    console.print(f"pool: {out / POOL}", markup=False)
    return out / POOL


def sample(checkpoint: Path, per_class: int, seed: int | None, to: Path) -> Pool:
    """Write a pool made by a checkpoint, without training.

    Args:
        seed: None is that of the training, whose candidates are then the first ones.

    Raises:
        InputError: the checkpoint is missing or damaged, or `to` is there already.
    """
    if to.exists():
        raise InputError(f"{to}: is there already; choose another --out")
    loaded = load_checkpoint(checkpoint)
    pool = make_candidates(loaded, per_class, loaded.about.seed if seed is None else seed)
    write_pool(pool, to)
    return pool


def generated_pool(experiment: Experiment, splits: Splits, folder: RunFolder) -> Pool:
    """The pool of a run's own generator; what its training showed lies in the run folder."""
    if experiment.generator is None:
        raise ValueError("the experiment has no generator")
    path = folder.path / POOL
    if path.exists():
        return fit_to(splits, read_pool(path, splits.size))
    within = folder.path / GENERATOR
    trained = train_or_fetch(experiment.generator, splits.train, experiment.seed, within)
    folder.update(warnings=[*folder.record.warnings, *trained.warnings])
    pool = _pool_of(trained, experiment.generator, splits, experiment.seed)
    write_pool(pool, path)
    return pool


def _pool_of(trained: Trained, config: HistoGANConfig, splits: Splits, seed: int) -> Pool:
    return fit_to(splits, make_candidates(trained.checkpoint, config.num_per_class, seed))


def _read_splits(experiment: Experiment, folder: RunFolder) -> Splits:
    try:
        return read_inputs(experiment)[0]
    except InputError:
        folder.abandon()
        raise
