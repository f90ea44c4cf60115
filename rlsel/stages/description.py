"""The stage that describes every candidate before any decision, and builds the problem."""

from collections.abc import Sequence
from dataclasses import dataclass

from envs import SelectionProblem
from rlsel.data import Splits
from rlsel.experiment.config import Experiment
from rlsel.features import CandidateTable, Features, build_problem, describe_candidates
from rlsel.features.folds import mean_table
from rlsel.pool import Pool
from rlsel.seeding import rng
from rlsel.stages.pool_limits import size_of_pool


@dataclass(frozen=True)
class Description:
    """The candidates as seen by the controller and the other methods."""

    features: Features
    """By the first extractor."""
    table: CandidateTable
    """One row per candidate; means over the extractors."""
    problem: SelectionProblem
    """The same candidates, cut into batches."""


def describe(
    experiment: Experiment, splits: Splits, pool: Pool, folds: Sequence[Features]
) -> Description:
    """Distances, neighbours and probabilities of the candidates, and their batches.

    Args:
        folds: The features by each extractor.

    Raises:
        InputError: there are so many batches that one would stay empty, or so many candidates that
            there is no memory for them.
    """
    settings, widths = experiment.features, [one.candidates.shape[1] for one in folds]
    size_of_pool(experiment, splits.train, len(pool), sum(widths)).require_room()
    tables = [
        describe_candidates(
            features,
            pool.candidates,
            splits.train,
            splits.reward_val,
            needs_nearest_candidate="nearest_candidate" in settings.inputs,
        )
        for features in folds
    ]
    table, random = mean_table(tables), rng(experiment.seed, "batches")
    problem = build_problem(settings, folds[0], table, len(splits.class_names), random)
    return Description(folds[0], table, problem)
