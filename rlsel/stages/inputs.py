"""The first stage: read all inputs of an experiment, and check them before any training."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.mlp import MLPConfig
from rlsel.classifier.resnet import read_weights, weights_digest
from rlsel.data import EmbeddingSet, ImageSet, PhantomSource, SampleSet, Splits, load_splits
from rlsel.data.image_set import as_images
from rlsel.data.kinds import known
from rlsel.data.positive_class import describe_positive, doubts
from rlsel.errors import InputError
from rlsel.experiment.config import Experiment
from rlsel.features import FeaturesConfig
from rlsel.features.extractors import require_extractor, require_features
from rlsel.generators.candidates import require_known
from rlsel.generators.registry import generator_of
from rlsel.pool import InputReport, Pool, build_pool, describe_inputs
from rlsel.quality.of_run import require_weights
from rlsel.selectors.own_rule import require_rules
from rlsel.selectors.peers import require_packages
from rlsel.stages.pool_limits import planned_counts, require_pool, size_of_pool

BLIND = (
    "patients of the validation images are unknown, so that reward-val and selection-val may share "
    "them, and then no alarm shows that learning fits these patients alone"
)


def read_inputs(experiment: Experiment) -> tuple[Splits, Pool | None]:
    """Read or draw all inputs. The pool is None if a generator is still to make it.

    Raises:
        InputError: an input is wrong, or does not match the experiment.
    """
    splits, pool = read_samples(experiment)
    if pool is not None:
        require_features(experiment.features.extractor, splits, pool.candidates)
    return splits, pool


def read_samples(experiment: Experiment) -> tuple[Splits, Pool | None]:
    """Like `read_inputs`, but without checking a file of features."""
    require_packages(experiment.selection.methods)
    require_rules(experiment.selection.methods, experiment.folder)
    require_extractor(experiment.features.extractor)
    _require_gpus(experiment)
    splits = load_splits(experiment.data, experiment.seed)
    require_same_kind(experiment, splits.train)
    for path in _files_of_weights(experiment).values():
        read_weights(path)  # so that damaged ones are told before anything is trained
    experiment.selection.ranges_of(splits.class_names)
    if experiment.generator is not None:
        generator_of(experiment.generator).require_trainable(as_images(splits.train))
        require_known(experiment.generator.classes, splits.class_names, "generator.classes")
    planned = planned_counts(experiment, splits.class_names)
    if experiment.generator is not None and planned is not None:
        require_pool(experiment, splits.train, planned)
        return splits, None
    if planned is not None:  # before any is drawn
        size_of_pool(experiment, splits.train, sum(planned.values())).require_room()
    pool = build_pool(experiment.pool, splits, experiment.data, experiment.seed)
    require_pool(experiment, splits.train, pool.candidates.counts)
    return splits, pool


def digests_of_weights(experiment: Experiment) -> dict[str, str]:
    """`weights in SETTING` -> hash of that file; settings without a file are left out.

    The weights of a frozen extractor are not among them: the features show which they were.

    Raises:
        InputError: a file is missing.
    """
    files = _files_of_weights(experiment)
    return {f"weights in {name}": weights_digest(path) for name, path in files.items()}


def _files_of_weights(experiment: Experiment) -> dict[str, Path]:
    """Setting -> file of weights of a ResNet34, of the settings that name one.

    Raises:
        InputError: the file of `audit.weights` is missing.
    """
    require_weights(experiment.audit.weights)
    trained = {
        "classifier.weights": experiment.classifier,
        "features.extractor.weights": experiment.features.extractor,
    }
    files = {
        setting: config.weights
        for setting, config in trained.items()
        if isinstance(config, ClassifierConfig)
    }
    files["audit.weights"] = experiment.audit.weights
    return {setting: path for setting, path in files.items() if path is not None}


def require_same_kind(experiment: Experiment, train: SampleSet) -> None:
    """Refuse settings for another kind of sample than `train`.

    Raises:
        InputError: a setting does not fit; the message names it.
    """
    match known(train):
        case ImageSet():
            if isinstance(experiment.classifier, MLPConfig):
                raise InputError(
                    "classifier.name is mlp, which trains on embeddings, and the samples are "
                    "images: leave it out"
                )
        case EmbeddingSet():
            _require_no_images(experiment)


def _require_no_images(experiment: Experiment) -> None:
    what = "the samples are embeddings"
    extractor = experiment.features.extractor
    wrong = {
        f"classifier trains a ResNet34, and {what}: set classifier.name: mlp": not isinstance(
            experiment.classifier, MLPConfig
        ),
        f"reward: finetune goes on from a ResNet34, and {what}: pay by probe or full": "finetune"
        in experiment.reward.fidelities,
        f"generator makes images, and {what}: give candidates as pool": experiment.generator
        is not None,
        f"features.extractor is for images, and {what}, which are their own features: leave it "
        "out": extractor != FeaturesConfig().extractor,
        f"audit.weights is for images, and {what}: leave it out": experiment.audit.weights
        is not None,
    }
    for text, is_wrong in wrong.items():
        if is_wrong:
            raise InputError(text)


def _require_gpus(experiment: Experiment) -> None:
    """Refuse GPUs that a local Ray session could never offer, before anything is trained.

    Raises:
        InputError: evaluators shall have GPUs, but this machine has none and there is no cluster.
    """
    evaluators, ray = experiment.evaluators, sys.modules.get("ray")
    asked = evaluators.count is not None and evaluators.gpus_each is not None
    if not asked or os.environ.get("RAY_ADDRESS") or (ray and ray.is_initialized()):
        return
    import torch  # takes seconds

    if not torch.cuda.is_available():
        raise InputError(
            f"evaluators: {evaluators.count} with {evaluators.gpus_each:g} of a GPU each are "
            "wanted, and this machine has no GPU: leave gpus_each out, or set RAY_ADDRESS to a "
            "cluster"
        )


def describe_settings_and_inputs(
    experiment: Experiment, splits: Splits, pool: Pool | None, num_features: int | None = None
) -> InputReport:
    """Counts, warnings and notes, which a check prints and a run records.

    Args:
        num_features: Size of a feature, where it was found out.
    """
    doubtful = doubts(splits.class_names, experiment.data.positive_class)
    remarks = experiment.remarks
    if not doubtful:
        remarks = (*remarks, describe_positive(splits.class_names))
    if splits.reward_val.patients is None and not isinstance(experiment.data.source, PhantomSource):
        remarks = (*remarks, BLIND)
    planned = planned_counts(experiment, splits.class_names) or {}
    num = sum(planned.values()) if pool is None else len(pool)
    size = size_of_pool(experiment, splits.train, num, num_features)
    costs = filter(None, (size.caution,))
    cautions = (*experiment.cautions, *costs, *doubtful, *_idle_ranges(experiment, pool))
    return describe_inputs(splits, pool, cautions, remarks)


def _idle_ranges(experiment: Experiment, pool: Pool | None) -> Iterator[str]:
    """A warning for each class that has its own keep range but no candidates."""
    made = experiment.generator.classes if experiment.generator else None
    for name in experiment.selection.keep_range_of_class:
        if (name in pool.absent) if pool else (made is not None and name not in made):
            yield (
                f"selection.keep_range_of_class names {name!r}, of which the pool has no "
                "candidate, so that range changes nothing"
            )
