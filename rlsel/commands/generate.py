"""`rlsel generate`, and the same as a stage of a run: train a generator, make a pool with it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rlsel.commands.check import read_inputs
from rlsel.data import Splits
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment
from rlsel.features.stored import extract_or_load
from rlsel.generators.candidates import make_candidates, require_known
from rlsel.generators.histogan.cached import train_or_fetch
from rlsel.generators.histogan.checkpoint import load_checkpoint
from rlsel.machine.device_memory import release
from rlsel.machine.monitoring import PeakMemory
from rlsel.machine.progress import console
from rlsel.pool import Pool, fit_to, write_pool
from rlsel.pool.checks import absent_classes
from rlsel.quality.report import describe_copies
from rlsel.reporting import print_candidates, write_report
from rlsel.runs.folder import FEATURES, RunFolder, claim, new_record
from rlsel.stages.candidates import POOL, pool_of_run
from rlsel.stages.examination import examine

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
    blank = new_record(experiment, command, made_by="generate")
    with claim(experiment, out, resume, blank) as folder:
        if not folder.record.finished:
            _generate(experiment, folder)
        print_candidates(folder.record, console)
        console.print(f"report: {write_report(out)}", markup=False)
    console.print(f"pool: {out / POOL}", markup=False)
    return out / POOL


def _generate(experiment: Experiment, folder: RunFolder) -> None:
    out = folder.path
    splits = _read_splits(experiment, folder)
    folder.require_same(splits.train.digest)
    folder.update(class_names=list(splits.class_names))
    folder.finish_stage("data")

    with PeakMemory() as memory:
        make = partial(_train_and_sample, experiment, splits, folder, out)
        pool = pool_of_run(experiment, splits, out, make)
        folder.update(
            notes=[*pool.notes, *absent_classes(pool)],
            data_digest=splits.train.digest,
            pool_digest=pool.digest,
        )
        folder.finish_stage("generator")
        extracted = extract_or_load(
            experiment.features, splits, pool, experiment.seed, out / FEATURES
        )
        folder.finish_stage("features")
        audit = examine(experiment, splits, pool, extracted.features, folder, with_real=True)
    copies = {"said": describe_copies(audit), "pool_flagged": audit.share_flagged()}
    folder.update(finished=True, copies=copies, peak_memory_gib=memory.gib)


def sample(
    checkpoint: Path,
    per_class: int,
    seed: int | None,
    to: Path,
    classes: Sequence[str] | None = None,
) -> Pool:
    """Write a pool made by a checkpoint, without training.

    Args:
        classes: Those to make; None makes all that it was trained on.
        seed: None is that of the training, whose candidates are then the first ones.

    Raises:
        InputError: the checkpoint is missing or damaged or knows no such class, or `to` is there
            already.
    """
    if to.exists():
        raise InputError(f"{to}: is there already; choose another --out")
    loaded = load_checkpoint(checkpoint)
    require_known(classes, loaded.about.class_names, "--class")
    seed = loaded.about.seed if seed is None else seed
    pool = make_candidates(loaded, per_class, seed, classes)
    write_pool(pool, to)
    return pool


def generated_pool(experiment: Experiment, splits: Splits, folder: RunFolder) -> Pool:
    """What a run's own generator makes; what its training showed lies in the run folder."""
    return _train_and_sample(experiment, splits, folder, folder.path / GENERATOR)


def _train_and_sample(
    experiment: Experiment, splits: Splits, folder: RunFolder, within: Path
) -> Pool:
    """Its warnings go to the record of `folder`, its checkpoint and its grids into `within`."""
    config, seed = experiment.generator, experiment.seed
    if config is None:
        raise ValueError("the experiment has no generator")
    book_time = partial(folder.finish_stage, "generator")
    trained = train_or_fetch(config, splits.train, seed, within, on_save=book_time)
    folder.update(warnings=[*dict.fromkeys((*folder.record.warnings, *trained.warnings))])
    candidates = make_candidates(trained.checkpoint, config.num_per_class, seed, config.classes)
    release()  # evaluators may be on the same GPU
    return fit_to(splits, candidates)


def _read_splits(experiment: Experiment, folder: RunFolder) -> Splits:
    try:
        return read_inputs(experiment)[0]
    except Exception:  # whatever was wrong with the inputs: no folder is left behind
        folder.abandon()
        raise
