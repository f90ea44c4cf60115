"""What a pool must be for the settings of a run and for the memory, told before any training."""

from collections.abc import Mapping

import numpy as np

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.resnet import FEATURE_SIZE
from rlsel.data import EmbeddingSet, SampleSet
from rlsel.data.phantom import PhantomPool
from rlsel.data.stratify import apportion
from rlsel.experiment.config import Experiment
from rlsel.features.batching import require_batches
from rlsel.features.pool_size import PoolSize
from rlsel.machine.progress import console
from rlsel.pool.planted import PlantedPool


def planned_counts(experiment: Experiment, class_names: tuple[str, ...]) -> dict[str, int] | None:
    """Candidates of each class that the settings ask for; None if the pool is read from files."""
    pool, generator = experiment.pool, experiment.generator
    if generator is not None:
        return dict.fromkeys(generator.classes or class_names, generator.num_per_class)
    if isinstance(pool, PhantomPool | PlantedPool):
        counts = apportion(np.ones(len(class_names)), pool.num_candidates)
        return dict(zip(class_names, counts.tolist(), strict=True))
    return None


def require_pool(experiment: Experiment, train: SampleSet, counts: Mapping[str, int]) -> None:
    """Refuse a pool that is too large for the memory or too small for the settings.

    Args:
        counts: Candidates of each class.

    Raises:
        InputError: its table would not fit into memory, a batch would stay empty, or a share to
            keep is less than a candidate.
    """
    size_of_pool(experiment, train, sum(counts.values())).require_room()
    labels = np.repeat(np.arange(len(counts)), [*counts.values()])
    require_batches(labels, experiment.features.num_batches)
    experiment.selection.require_some(counts)


def size_of_pool(
    experiment: Experiment, train: SampleSet, num_candidates: int, num_features: int | None = None
) -> PoolSize:
    """The numbers by which a pool costs memory.

    Args:
        num_features: Numbers of all features of a candidate; None takes what the settings tell.
    """
    if num_features is None:
        num_features = _known_features(experiment, train)
    settings = experiment.features
    return PoolSize(num_candidates, num_features, train.num_classes, settings.inputs)


def warn_of_size(experiment: Experiment, train: SampleSet, num_candidates: int) -> None:
    """Print what a pool costs that is larger than any that was measured."""
    if caution := size_of_pool(experiment, train, num_candidates).caution:
        console.print(f"warning: {caution}", style="yellow", markup=False)


def _known_features(experiment: Experiment, train: SampleSet) -> int:
    """Numbers of all features of a candidate; 0 if only a network or a file can tell."""
    if isinstance(train, EmbeddingSet):
        return train.shape[0]
    is_resnet34 = isinstance(experiment.features.extractor, ClassifierConfig)
    return experiment.features.folds * FEATURE_SIZE if is_resnet34 else 0
