"""The stage that examines the candidates as images, before any is selected."""

from dataclasses import dataclass, field
from typing import Any

from rlsel.data import Splits
from rlsel.data.image_set import ImageSet, as_images
from rlsel.data.pattern import pattern_by_class, warn_of_pattern
from rlsel.experiment.config import Experiment
from rlsel.features import Features
from rlsel.machine.device_memory import release
from rlsel.machine.workplace import Here, Workplace
from rlsel.pool import Pool
from rlsel.quality.config import AuditConfig
from rlsel.quality.copies import CopyAudit
from rlsel.quality.of_run import (
    as_many_of,
    at_most,
    audit_of,
    classification_of,
    features_by,
    quality_of,
    require_weights,
)
from rlsel.quality.pairs import Pairs, nearest_pairs

MOST_CLASSIFIED = 10_000
"""Candidates that the classification accuracy score trains on at most; more take hours and change
little."""


@dataclass(frozen=True)
class Examination:
    """The findings, with figures in the form of the record."""

    quality: dict[str, Any]
    """`own` or `given` features -> `QualityReport.as_json`."""
    classification: dict[str, dict[str, list[float]]]
    """`candidates` or `real` -> `classification_accuracy_score`; empty if it is not computed."""
    pattern: dict[str, dict[str, float]]
    """`candidates` or `real` -> class -> mean correlation of two images; empty for embeddings."""
    copies: CopyAudit
    pairs: Pairs
    """The candidates most similar to a training image."""
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def examine(
    experiment: Experiment,
    splits: Splits,
    pool: Pool,
    features: Features,
    with_real: bool = False,
    where: Workplace | None = None,
) -> Examination:
    """Quality, classification accuracy score, shared patterns and near-copies of the candidates.

    Args:
        with_real: Also score a classifier trained on as many real images. A run does not need it,
            because it scores one trained on all real images.
        where: Where networks are trained and run; None is this process.

    Raises:
        InputError: `audit.weights` cannot be used.
    """
    seed, notes, where = experiment.seed, [], where or Here()
    spaces = {"own": features}
    if experiment.audit.weights is not None:
        require_weights(experiment.audit.weights)

        def seen_by(audit: AuditConfig) -> Features:
            assert audit.weights is not None
            return features_by(audit.weights, splits, pool)

        spaces["given"] = where.run_by(seen_by, experiment.audit, ("weights",))
    quality = {space: quality_of(splits, pool, seen, seed) for space, seen in spaces.items()}
    classification = {}
    if _is_scored(experiment, splits):
        if pool.absent:
            notes.append(
                "classification accuracy score left out: a classifier trained on candidates alone "
                f"would never see class {', '.join(map(repr, pool.absent))}"
            )
        else:
            classification = _classify(experiment, splits, pool, with_real, where)
            if len(pool) > MOST_CLASSIFIED:
                notes.append(
                    f"classification accuracy score of {MOST_CLASSIFIED:,} of the {len(pool):,} "
                    "candidates, drawn class by class"
                )
    pattern = {}
    if isinstance(pool.candidates, ImageSet):
        pattern = {
            "candidates": pattern_by_class(pool.candidates),
            "real": pattern_by_class(as_images(splits.train)),
        }
    audit = audit_of(splits, pool, features, seed)
    release()  # evaluators may be on the same GPU
    return Examination(
        quality,
        classification,
        pattern,
        audit,
        nearest_pairs(splits, pool, audit),
        notes,
        list(warn_of_pattern(pattern["candidates"], pattern["real"]) if pattern else ()),
    )


def _is_scored(experiment: Experiment, splits: Splits) -> bool:
    """Whether test is scored: arrays may lack test images, and a sweep may leave them unread."""
    rounds = experiment.evaluation.rounds and experiment.audit.classification_rounds
    return bool(len(splits.test) and rounds)


def _classify(
    experiment: Experiment, splits: Splits, pool: Pool, with_real: bool, where: Workplace
) -> dict[str, dict[str, list[float]]]:
    candidates = at_most(pool.candidates, MOST_CLASSIFIED, experiment.seed)
    sets = {"candidates": candidates}
    if with_real:
        sets["real"] = as_many_of(splits.train, candidates, experiment.seed)
    rounds = experiment.audit.classification_rounds
    return {
        name: classification_of(
            images, splits, experiment.classifier, rounds, experiment.seed, name, where
        )
        for name, images in sets.items()
    }
