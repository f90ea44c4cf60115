"""`CandidateTable`: one row per candidate, with columns that are known before any decision.

The same columns are the inputs of the controller, are written to `selection.parquet`, and are the
free scores with which every learned selection is compared.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

from rlsel.data.samples import SampleSet
from rlsel.features.centroids import (
    class_centroids,
    cosine_distances,
    own_and_other_distance,
)
from rlsel.features.extract import Features
from rlsel.features.neighbours import (
    knn_label_agreement,
    nearest_distance,
    nearest_of_another_class,
    nearest_other_distance,
)
from rlsel.heads import head_logits
from rlsel.machine.cache.kept import ARRAYS, Arrays, Work, kept

TABLE_VERSION = 3
"""Raise it when a change of the code changes a column."""
MOST_COMPARED_WITH_EACH_OTHER = 20_000
"""Candidates up to which `nearest_candidate` is computed even if no input asks for it. Its time
grows with the square of their number; for so many it is some seconds."""
NUM_NEIGHBOURS = 25
"""Real neighbours that vote in the label agreement; nearer ones have more weight."""


@dataclass(frozen=True)
class CandidateTable:
    """Columns on every candidate, computed without the images of test and selection-val."""

    labels: Int[np.ndarray, " n"]
    own_distance: Float[np.ndarray, " n"]
    """Cosine distance to the centroid of the candidate's class, in [0, 2]."""
    other_distance: Float[np.ndarray, " n"]
    """Cosine distance to the nearest centroid of another class, in [0, 2]."""
    knn_label_agreement: Float[np.ndarray, " n"]
    """Share of the nearest images of train and reward-val that have the candidate's label, with
    more weight for nearer ones, in [0, 1]."""
    label_log_probability: Float[np.ndarray, " n"]
    """Log-probability of the candidate's label by the extractor, in nats, at most 0."""
    margin: Float[np.ndarray, " n"]
    """Logit of the candidate's label minus the largest other logit."""
    nearest_real: Float[np.ndarray, " n"]
    """Cosine distance to the nearest image of train, in [0, 2]."""
    head_log_probability: Float[np.ndarray, " n"]
    """Log-probability of the candidate's label by a logistic head on the features of train and
    reward-val, in nats, at most 0. An extractor that has been fitted to a few images says little by
    its own last layer; reward-val is new to it."""
    nearest_other_class: Float[np.ndarray, " n"]
    """Cosine distance to the nearest image of train and reward-val that has another label, in
    [0, 2]; small for a candidate that resembles another class (CosSIF, arXiv 2307.10864)."""
    nearest_candidate: Float[np.ndarray, " n"] | None = None
    """Cosine distance to the nearest other candidate, in [0, 2]; small if one is redundant. None if
    no input asks for it and the pool is so large that it would take minutes."""

    @property
    def free_scores(self) -> dict[str, Float[np.ndarray, " n"]]:
        """Scores that cost no training beyond the extractor. A higher score means: keep."""
        scores = {
            "own_distance": -self.own_distance,
            "knn_label_agreement": self.knn_label_agreement,
            "label_log_probability": self.label_log_probability,
            "margin": self.margin,
            "head_log_probability": self.head_log_probability,
            "nearest_real": -self.nearest_real,
            "nearest_other_class": self.nearest_other_class,
            "nearest_candidate": self.nearest_candidate,
        }
        return {name: score_N for name, score_N in scores.items() if score_N is not None}


def describe_candidates(
    features: Features,
    candidates: SampleSet,
    train: SampleSet,
    reward_val: SampleSet,
    num_neighbours: int = NUM_NEIGHBOURS,
    needs_nearest_candidate: bool = False,
) -> CandidateTable:
    """Compute the table, or read it from the cache.

    Neighbours are searched in train and in reward-val, which the reward sees anyway. Train alone
    would agree too well, because the extractor has been fitted to it.

    Args:
        needs_nearest_candidate: Compute this column however large the pool is.
    """
    if features.unseen is not None:
        train = train.take(features.unseen)
        features = replace(features, train=features.used_train, unseen=None)
    compares = needs_nearest_candidate or len(candidates) <= MOST_COMPARED_WITH_EACH_OTHER
    inputs = (
        *(TABLE_VERSION, num_neighbours, candidates.labels, train.labels, reward_val.labels),
        *(features.train, features.candidates, features.reward_val, features.candidate_logits),
    )

    def compute() -> Arrays:
        return _describe(features, candidates, train, reward_val, num_neighbours)

    def compare() -> Arrays:
        return {"nearest_candidate": nearest_other_distance(features.candidates)}

    columns = kept(Work("candidate table", inputs, compute, ARRAYS))
    if compares:
        between = (TABLE_VERSION, features.candidates)
        columns = {**columns, **kept(Work("nearest candidates", between, compare, ARRAYS))}
    return CandidateTable(**columns)


def _describe(
    features: Features,
    candidates: SampleSet,
    train: SampleSet,
    reward_val: SampleSet,
    num_neighbours: int,
) -> Arrays:
    centroids_CF = class_centroids(features.train, train.labels, train.num_classes)
    distances_NC = cosine_distances(features.candidates, centroids_CF)
    own_N, other_N = own_and_other_distance(distances_NC, candidates.labels)
    logits_NC, rows_N = features.candidate_logits, np.arange(len(candidates))
    own_logit_N = logits_NC[rows_N, candidates.labels]
    others_NC = logits_NC.copy()
    others_NC[rows_N, candidates.labels] = -np.inf
    real_MF = np.concatenate((features.train, features.reward_val))
    real_labels_M = np.concatenate((train.labels, reward_val.labels))
    agreement_N = knn_label_agreement(
        features.candidates, candidates.labels, real_MF, real_labels_M, num_neighbours
    )
    head_NC = head_logits(real_MF, real_labels_M, features.candidates, train.num_classes)
    return {
        "labels": candidates.labels,
        "own_distance": own_N,
        "other_distance": other_N,
        "knn_label_agreement": agreement_N,
        "label_log_probability": log_softmax(logits_NC, axis=1)[rows_N, candidates.labels],
        "margin": own_logit_N - others_NC.max(axis=1),
        "head_log_probability": log_softmax(head_NC, axis=1)[rows_N, candidates.labels],
        "nearest_real": nearest_distance(features.candidates, features.train),
        "nearest_other_class": nearest_of_another_class(
            features.candidates, candidates.labels, real_MF, real_labels_M
        ),
    }
