"""The stage that describes every candidate before any decision, and builds the problem."""

from dataclasses import dataclass

from envs import SelectionProblem
from rlsel.data import Splits
from rlsel.experiment.config import Experiment
from rlsel.features import CandidateTable, Features, build_problem, describe_candidates
from rlsel.pool import Pool
from rlsel.seeding import rng


@dataclass(frozen=True)
class Description:
    """The candidates as seen by the controller and the other methods."""

    features: Features
    table: CandidateTable
    """One row per candidate."""
    problem: SelectionProblem
    """The same candidates, cut into batches."""


def describe(experiment: Experiment, splits: Splits, pool: Pool, features: Features) -> Description:
    """Distances, neighbours and probabilities of the candidates, and their batches.

    Raises:
        InputError: there are so many batches that one would stay empty.
    """
    settings = experiment.features
    table = describe_candidates(
        features,
        pool.candidates,
        splits.train,
        splits.reward_val,
        needs_nearest_candidate="nearest_candidate" in settings.inputs,
    )
    random = rng(experiment.seed, "batches")
    problem = build_problem(settings, features, table, len(splits.class_names), random)
    return Description(features, table, problem)
