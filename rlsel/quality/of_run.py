"""Judgement of a run's candidates: image quality, classification accuracy score, and copies.

Held-out real images are those of validation, which neither generator nor extractor has seen. Test
images are used only by the classification accuracy score.
"""

import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from rlsel.classifier import ClassifierConfig, recipe_of
from rlsel.classifier.mlp import MLPConfig
from rlsel.classifier.resnet import build_resnet34
from rlsel.data import EmbeddingSet, ImageSet, Splits
from rlsel.data.image_set import as_images
from rlsel.data.kinds import known
from rlsel.data.samples import SampleSet, concatenate
from rlsel.data.stratify import draw
from rlsel.errors import InputError
from rlsel.features import Features
from rlsel.features.centroids import normalise_rows
from rlsel.features.extract import extract
from rlsel.machine.cache.kept import ARRAYS, FIGURES, Arrays, Work, kept
from rlsel.machine.device import best_device
from rlsel.machine.threads import few_threads
from rlsel.machine.wording import counted
from rlsel.machine.workplace import Workplace
from rlsel.metrics import SCORE_METRICS
from rlsel.pool import Pool
from rlsel.quality.classification import classification_accuracy_score
from rlsel.quality.copies import CopyAudit, audit_copies
from rlsel.quality.kept_audit import from_arrays, to_arrays
from rlsel.quality.pairs import Pairs, nearest_pairs
from rlsel.quality.report import describe_risk, judge, selection_risk
from rlsel.seeding import derive_seed, rng

AUDIT_VERSION, QUALITY_VERSION = 2, 1
"""Raise one of these when a change of the code changes its figures for the same images."""


def drop_copies(splits: Splits, pool: Pool, seed: int) -> tuple[Pool, Pairs | None]:
    """The pool without its near-copies of training images, and a note that says how many.

    Returns:
        The pool, and the most suspicious pairs if any candidate was dropped.
    """
    audit = audit_of(splits, pool, None, seed)
    pairs = nearest_pairs(splits, pool, audit) if audit.flagged.any() else None
    return without_copies(pool, audit), pairs


def without_copies(pool: Pool, audit: CopyAudit) -> Pool:
    """The candidates that the audit did not flag, with a note on how many it did flag."""
    if not audit.flagged.any():
        return pool
    dropped = counted(int(audit.flagged.sum()), "candidate")
    note = f"dropped {dropped} that copy a training {pool.candidates.noun}"
    return replace(pool.take(~audit.flagged), notes=(*pool.notes, note))


def quality_of(splits: Splits, pool: Pool, features: Features, seed: int) -> dict[str, Any]:
    """`QualityReport.as_json`, in the space of these features at unit length.

    Features are normalised because their lengths vary so widely that few images would decide the
    Fréchet distance. Angles do not, and distances to centroids use them too.
    """
    held_out = np.concatenate((features.reward_val, features.selection_val))
    held_out_labels = np.concatenate((splits.reward_val.labels, splits.selection_val.labels))

    def compute() -> dict[str, Any]:
        report = judge(
            candidates=features.candidates,
            candidate_labels=pool.candidates.labels,
            train=features.train,
            train_labels=splits.train.labels,
            held_out=held_out,
            held_out_labels=held_out_labels,
            class_names=splits.class_names,
            rng=rng(seed, "quality"),
            prepare=normalise_rows,
        )
        return report.as_json()

    images = (pool.candidates.labels, splits.train.labels, held_out_labels)
    seen = (features.candidates, features.train, held_out)
    inputs = (QUALITY_VERSION, seed, splits.class_names, *images, *seen)
    return kept(Work("quality", inputs, compute, FIGURES))


def features_by(weights: Path, splits: Splits, pool: Pool) -> Features:
    """Features of all images by the user's ResNet34.

    Raises:
        InputError: `weights` is missing, unreadable or of another architecture.
    """
    require_weights(weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warns of a head for other classes, which is not used
        model = build_resnet34(splits.train.num_classes, 0, weights)
    device = best_device()
    with few_threads():
        return extract(
            model.to(device),
            device,
            train=as_images(splits.train),
            candidates=as_images(pool.candidates),
            reward_val=as_images(splits.reward_val),
            selection_val=as_images(splits.selection_val),
        )


def require_weights(weights: Path | None) -> None:
    """Refuse a missing file before anything is trained."""
    if weights is not None and not weights.is_file():
        raise InputError(f"{weights}: audit.weights is no file; give a ResNet34 state dict")


def classification_of(
    images: SampleSet,
    splits: Splits,
    config: ClassifierConfig | MLPConfig,
    rounds: int,
    seed: int,
    name: str,
    where: Workplace,
) -> dict[str, list[float]]:
    """`classification_accuracy_score`, with the seeds of the final scores.

    Runs of the same images, such as the trials of a sweep, share the result through the cache.
    """

    def compute() -> dict[str, list[float]]:
        return where.run_by(compute_by, config, ("weights",))

    def compute_by(classifier: ClassifierConfig | MLPConfig) -> dict[str, list[float]]:
        with few_threads():
            return classification_accuracy_score(
                images,
                splits.test,
                classifier,
                [derive_seed(seed, "round", number) for number in range(rounds)],
                description=f"classifier on {name} alone",
                validation=_held_out(splits),
            )

    sets = (images, splits.test, splits.reward_val, splits.selection_val)
    inputs = (recipe_of(config), rounds, seed, SCORE_METRICS, *(one.digest for one in sets))
    what = f"classification accuracy score of {name}"
    return kept(Work(what, inputs, compute, FIGURES, made_on=where.computed_by()))


def at_most(images: SampleSet, num: int, seed: int) -> SampleSet:
    """All of `images`, or `num` of them with the classes in their proportions."""
    if len(images) <= num:
        return images
    return images.take(draw(images.labels, num, rng(seed, "a part of the candidates"))[0])


def as_many_of(real: SampleSet, candidates: SampleSet, seed: int) -> SampleSet:
    """For each class as many real images as there are candidates, or all if there are fewer."""
    random = rng(seed, "as many real images")
    rows = [
        random.permutation(np.flatnonzero(real.labels == c))[:num]
        for c, num in enumerate(candidates.counts.values())
    ]
    return real.take(np.sort(np.concatenate(rows)))


def audit_of(splits: Splits, pool: Pool, features: Features | None, seed: int) -> CopyAudit:
    """The audit by content, which decides, and by features if there are any.

    It is read from the cache if it was made before. Embeddings are their own features, so they are
    audited only by content.
    """
    of_three = None if features is None else _beside_content(splits, features)
    sets = (pool.candidates, splits.train, _held_out(splits))
    inputs = (AUDIT_VERSION, seed, *(images.digest for images in sets), *(of_three or ()))

    def compute() -> Arrays:
        return to_arrays(audit_copies(*sets, rng(seed, "audit"), of_three))

    return from_arrays(kept(Work("copy audit", inputs, compute, ARRAYS)))


def _beside_content(
    splits: Splits, features: Features
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    match known(splits.train):
        case ImageSet():
            unseen = np.concatenate((features.reward_val, features.selection_val))
            return features.candidates, features.train, unseen
        case EmbeddingSet():
            return None


def risk_of(audit: CopyAudit, selected_N: Bool[np.ndarray, " n"]) -> dict[str, Any]:
    """`SelectionRisk` as plain numbers, with a sentence on whether selecting raised the risk."""
    risk = selection_risk(audit, selected_N)
    return asdict(risk) | {"raised": risk.raised, "said": describe_risk(risk)}


def _held_out(splits: Splits) -> SampleSet:
    return concatenate([splits.reward_val, splits.selection_val])
