"""The candidates as images: what is said of them before any is selected."""

from rlsel.data import Splits
from rlsel.data.pattern import pattern_by_class, warn_of_pattern
from rlsel.experiment.config import Experiment
from rlsel.features import Features
from rlsel.machine.device_memory import release
from rlsel.pool import Pool
from rlsel.quality.copies import CopyAudit
from rlsel.quality.of_run import (
    COPIES,
    as_many_of,
    audit_of,
    classification_of,
    features_by,
    nearest_pairs,
    quality_of,
    save_copies,
)
from rlsel.runs.folder import RunFolder


def examine(
    experiment: Experiment,
    splits: Splits,
    pool: Pool,
    features: Features,
    folder: RunFolder,
    with_real: bool = False,
) -> CopyAudit:
    """Quality, classification accuracy score and near-copies, into the record and the folder.

    Args:
        with_real: Score a classifier of as many real training images as well; a run scores one of
            all real images anyway.

    Raises:
        InputError: `audit.weights` cannot be used.
    """
    config, seed = experiment.audit, experiment.seed
    spaces = {"own": features}
    if config.weights is not None:
        spaces["given"] = features_by(config.weights, splits, pool)
    folder.update(
        quality={space: quality_of(splits, pool, seen, seed) for space, seen in spaces.items()}
    )
    sets = {"candidates": pool.candidates}
    if with_real:
        sets["real"] = as_many_of(splits.train, pool.candidates, seed)
    # Arrays may come without test images, and a sweep may leave them unread.
    is_scored = len(splits.test) and experiment.evaluation.rounds and config.classification_rounds
    if is_scored and pool.absent:
        _say_unscored(pool, folder)
    elif is_scored:
        for name, images in sets.items():
            if name not in folder.record.classification:
                scores = classification_of(
                    images, splits, experiment.classifier, config.classification_rounds, seed, name
                )
                folder.update(classification=folder.record.classification | {name: scores})
    _compare_patterns(splits, pool, folder)
    audit = audit_of(splits, pool, features, seed)
    if not (folder.path / COPIES).exists():  # they are there where copies were dropped
        save_copies(folder.path, nearest_pairs(splits, pool, audit))
    release()  # evaluators may be on the same GPU
    folder.finish_stage("audit")
    return audit


def _say_unscored(pool: Pool, folder: RunFolder) -> None:
    note = (
        "classification accuracy score left out: a classifier trained on candidates alone would "
        f"never see class {', '.join(map(repr, pool.absent))}"
    )
    folder.update(notes=[*dict.fromkeys((*folder.record.notes, note))])


def _compare_patterns(splits: Splits, pool: Pool, folder: RunFolder) -> None:
    made, real = pattern_by_class(pool.candidates), pattern_by_class(splits.train)
    warnings = [*folder.record.warnings, *warn_of_pattern(made, real)]
    folder.update(
        pattern={"candidates": made, "real": real}, warnings=list(dict.fromkeys(warnings))
    )
