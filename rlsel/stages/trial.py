"""What a run would find out after its inputs: weights of another network, features with a NaN.

A check tries it at once, by the code of the run, so the messages are the same.
"""

import warnings
from pathlib import Path

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.resnet import build_resnet34
from rlsel.data import ImageSet, Splits
from rlsel.experiment.config import Experiment
from rlsel.features.extractors import FileExtractor, try_network
from rlsel.features.extractors.file_features import file_features
from rlsel.pool import Pool


def try_weights(experiment: Experiment, splits: Splits) -> int | None:
    """Load the weights of every network that does not begin at random. Nothing is downloaded.

    Returns:
        Size of a feature; None if no network told it.

    Raises:
        InputError: a file holds the weights of another network or none, or a network takes no
            images of the size that it is to be fed.
    """
    if not isinstance(splits.train, ImageSet):
        return None
    for file in _files_of_resnet34(experiment):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a head for other classes, which a run tells
            build_resnet34(splits.train.num_classes, 0, file)
    extractor = experiment.features.extractor
    if isinstance(extractor, ClassifierConfig | FileExtractor):
        return None
    return try_network(extractor, experiment.seed)


def try_features(experiment: Experiment, splits: Splits, pool: Pool) -> int | None:
    """Read a file of features, if there is one.

    Returns:
        Size of a feature; None if there is no such file.

    Raises:
        InputError: a feature is missing, no vector of finite numbers, or of another width.
    """
    extractor = experiment.features.extractor
    if not isinstance(extractor, FileExtractor):
        return None
    return file_features(extractor, splits, pool.candidates)["candidates"].shape[1]


def _files_of_resnet34(experiment: Experiment) -> set[Path]:
    configs = (experiment.classifier, experiment.features.extractor)
    files = {one.weights for one in configs if isinstance(one, ClassifierConfig)}
    return {file for file in (*files, experiment.audit.weights) if file is not None}
