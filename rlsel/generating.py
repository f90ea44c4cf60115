"""`rlsel generate`, and the same as a stage of a run: train a generator, make a pool with it."""

import shutil
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock

from rlsel.checking import read_inputs
from rlsel.config import Experiment
from rlsel.data import Splits
from rlsel.data.decoding.cache import cache_folder
from rlsel.data.decoding.trim import limit_bytes, mark_used, trim
from rlsel.errors import InputError
from rlsel.examining import examine
from rlsel.features.stored import extract_or_load
from rlsel.generators.candidates import make_candidates
from rlsel.generators.histogan.checkpoint import About, load_checkpoint
from rlsel.generators.histogan.config import HistoGANConfig
from rlsel.generators.histogan.train import Trained, train_generator
from rlsel.generators.histogan.watch import GRIDS, STEPS
from rlsel.monitoring import PeakMemory
from rlsel.pool import Pool, fit_to, read_pool, write_pool
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
    splits = _read_splits(experiment, folder)
    with PeakMemory() as memory:
        trained = train_generator(experiment.generator, splits.train, seed, out)
        folder.finish_stage("generator")
        pool = _pool_of(trained, experiment.generator, splits, seed)
        if experiment.audit.drop_copies:
            pool = drop_copies(splits, pool, seed)
        write_pool(pool, out / POOL)
        folder.update(
            notes=list(pool.notes),
            warnings=list(trained.warnings),
            data_digest=splits.train.digest,
            pool_digest=pool.digest,
        )
        extracted = extract_or_load(experiment.features, splits, pool, seed, out / FEATURES)
        folder.finish_stage("features")
        audit = examine(experiment, splits, pool, extracted.features, folder, with_real=True)
    folder.update(finished=True, peak_memory_gib=memory.gib)
    print_candidates(folder.record, console)
    console.print(f"{describe_copies(audit)}.", markup=False)
    console.print(f"report: {write_report(out)}", markup=False)
    console.print(f"pool: {out / POOL}", markup=False)
    return out / POOL


def sample(checkpoint: Path, per_class: int, seed: int, to: Path) -> Pool:
    """Write a pool made by a checkpoint, without training.

    Raises:
        InputError: the checkpoint is missing or damaged, or `to` is there already.
    """
    if to.exists():
        raise InputError(f"{to}: is there already; choose another --out")
    pool = make_candidates(load_checkpoint(checkpoint), per_class, seed)
    write_pool(pool, to)
    return pool


def generated_pool(experiment: Experiment, splits: Splits, run_dir: Path) -> Pool:
    """The pool of a run's own generator, which is trained once for the same images and settings.

    The trained generator lies in the cache, whose entries any run may use; the pool and what the
    training showed lie in the run folder.
    """
    config = experiment.generator
    if config is None:
        raise ValueError("the experiment has no generator")
    path = run_dir / POOL
    if path.exists():
        return fit_to(splits, read_pool(path, splits.size))
    about = About.of(config, splits.train, experiment.seed)
    entry = (
        cache_folder() / "generators" / blake2b(repr(about).encode(), digest_size=16).hexdigest()
    )
    entry.mkdir(parents=True, exist_ok=True)
    # Runs of a sweep may want the same one: the first trains, the others wait for it.
    with FileLock(entry.with_name(f".{entry.name}.lock")):
        trained = train_generator(config, splits.train, experiment.seed, entry)
        mark_used(entry)
    shutil.copytree(entry / GRIDS, run_dir / GENERATOR / GRIDS, dirs_exist_ok=True)
    shutil.copy(entry / STEPS, run_dir / GENERATOR / STEPS)
    pool = _pool_of(trained, config, splits, experiment.seed)
    write_pool(pool, path)
    trim(entry.parent, entry, limit_bytes())
    return pool


def _pool_of(trained: Trained, config: HistoGANConfig, splits: Splits, seed: int) -> Pool:
    return fit_to(splits, make_candidates(trained.checkpoint, config.num_per_class, seed))


def _read_splits(experiment: Experiment, folder: RunFolder) -> Splits:
    try:
        return read_inputs(experiment)[0]
    except InputError:
        folder.abandon()
        raise
