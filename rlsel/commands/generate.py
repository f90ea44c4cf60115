"""`rlsel generate`: train a generator and make a pool of candidates with it."""

from collections.abc import Sequence
from pathlib import Path

from rlsel.data import Splits
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment
from rlsel.features import extraction
from rlsel.generators.candidates import make_candidates, require_known
from rlsel.generators.registry import DEFAULT_KIND, GENERATORS, load_checkpoint
from rlsel.machine.atomic_files import require_new
from rlsel.machine.progress import console
from rlsel.machine.workplace import Workplace
from rlsel.pool import Pool, write_pool
from rlsel.pool.checks import absent_classes
from rlsel.quality.report import describe_copies
from rlsel.reporting import print_candidates, write_report
from rlsel.rewards.elsewhere import workplace
from rlsel.runs.claim import claim, new_record
from rlsel.runs.folder import RunFolder
from rlsel.stages.candidates import POOL, generation
from rlsel.stages.examination import examine
from rlsel.stages.inputs import digests_of_weights, read_inputs


def generate(experiment: Experiment, out: Path, resume: bool = False, command: str = "") -> Path:
    """Train the generator of an experiment on its training images, and write a pool.

    Args:
        out: A folder for checkpoint, grids, figures and pool.
        resume: Continue an interrupted training in `out`.

    Returns:
        The path of the pool.

    Raises:
        InputError: an input of the user is wrong.
    """
    if experiment.generator is None:
        raise InputError(
            f"{experiment.name}: has no generator; add `generator: {{name: {DEFAULT_KIND}}}`"
        )
    blank = new_record(experiment, command, made_by="generate")
    with claim(experiment, out, resume, blank) as folder:
        if not folder.record.finished:
            splits = _read(experiment, folder)
            with workplace(experiment.evaluators, experiment.classifier.precision) as where:
                _generate(experiment, splits, folder, where)
        print_candidates(folder.record, console)
        console.print(f"report: {write_report(out)}", markup=False)
    console.print(f"pool: {out / POOL}", markup=False)
    return out / POOL


def _read(experiment: Experiment, folder: RunFolder) -> Splits:
    with folder.reading_inputs():
        splits, _ = read_inputs(experiment)
        folder.require_same(splits, **digests_of_weights(experiment))
        folder.update(class_names=list(splits.class_names))
        return splits


def _generate(experiment: Experiment, splits: Splits, folder: RunFolder, where: Workplace) -> None:
    with folder.stage("generator") as stage:
        made = stage.keep(generation(experiment, splits, folder.path, stage.book_time, where))
        stage.ran_at(where)
        pool = made.pool
        folder.note([*pool.notes, *absent_classes(pool)])
        folder.warn(made.warnings)
        folder.require_same(splits, candidates=pool.digest)
    with folder.stage("features") as stage:
        features = experiment.features
        extracted = stage.keep(extraction(features, splits, pool, experiment.seed, where=where))
        stage.ran_at(where)
        folder.require_same(splits, features=extracted.features.digest)
    with folder.stage("audit") as stage:
        examined = examine(
            experiment, splits, pool, extracted.features, with_real=True, where=where
        )
        stage.ran_at(where)
        folder.write_examination(examined, made.dropped)
    audit = examined.copies
    copies = {"said": describe_copies(audit), "pool_flagged": audit.share_flagged()}
    folder.update(finished=True, copies=copies)


def sample(
    checkpoint: Path,
    per_class: int | None,
    seed: int | None,
    to: Path | None,
    classes: Sequence[str] | None = None,
) -> tuple[Pool, Path]:
    """Write a pool made by a checkpoint, without training.

    Args:
        per_class: Candidates of each class; None makes as many as the generator does by default.
        seed: None is that of the training, whose candidates are then the first ones.
        to: A Parquet file; None puts it beside the checkpoint, called after the number.
        classes: Those to make; None makes all that it was trained on.

    Returns:
        the pool, and the path of its file.

    Raises:
        InputError: the checkpoint is missing, is damaged or lacks a class, or `to` exists already.
    """
    loaded = load_checkpoint(checkpoint)
    num: int = per_class or GENERATORS[loaded.about.kind].config.num_per_class
    to = to or checkpoint.with_name(f"pool-{num}.parquet")
    require_new(to, "--out")
    require_known(classes, loaded.about.class_names, "--class")
    seed = loaded.about.seed if seed is None else seed
    pool = make_candidates(loaded, num, seed, classes)
    write_pool(pool, to)
    return pool, to
