"""Cross-fitting: several extractors, each used only with real samples that are new to it.

A network knows the samples that it was trained on, so their features are better separated than
those of any other sample. A head or a score that is fitted to such features judges candidates by a
space that the real samples have bent, and a search can exploit that. With folds, extractor k is
trained on all parts of the real samples but the k-th, and only the k-th is used with its features.
What follows is the mean over the folds.

Source: cross-fitting as in Chernozhukov et al. 2018 (arXiv 1608.00060).
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Int

from rlsel.classifier import ClassifierConfig
from rlsel.data import ImageSet, SampleSet
from rlsel.data.stratify import cut
from rlsel.errors import InputError
from rlsel.features.candidates import CandidateTable
from rlsel.features.config import FeaturesConfig
from rlsel.seeding import rng

LEAST_PER_CLASS = 2
"""Real samples of each class that a fold needs."""


def unseen_rows(
    config: FeaturesConfig, train: SampleSet, seed: int
) -> list[Int[np.ndarray, " m"] | None]:
    """For each extractor the real samples that it is not trained on, and that are used with it.

    Patients are not divided.

    Returns:
        [None] without folds, and for features that no training on the real samples has made.

    Raises:
        InputError: there are too few real samples, or patients, for so many folds.
    """
    is_trained = isinstance(train, ImageSet) and isinstance(config.extractor, ClassifierConfig)
    if config.folds == 1 or not is_trained:
        return [None]
    shares = (1 / config.folds,) * config.folds
    parts = cut(train.labels, train.patients, shares, rng(seed, "folds"))
    fewest = min(
        np.bincount(train.labels[part], minlength=train.num_classes).min() for part in parts
    )
    if fewest < LEAST_PER_CLASS:
        raise InputError(
            f"features.folds is {config.folds}, and a fold would have {fewest} real "
            f"{train.noun}s of a class; it needs {LEAST_PER_CLASS}: set fewer folds, or give more "
            f"{train.noun}s or patients"
        )
    return list(parts)


def mean_table(tables: Sequence[CandidateTable]) -> CandidateTable:
    """The mean of every column over the folds."""
    first = tables[0]
    if len(tables) == 1:
        return first
    columns = {}
    for one in fields(CandidateTable):
        values = [getattr(table, one.name) for table in tables]
        is_number = one.name != "labels" and values[0] is not None
        columns[one.name] = np.mean(values, axis=0) if is_number else values[0]
    return CandidateTable(**columns)
