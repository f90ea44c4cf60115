"""`CandidateTable`: one row a candidate, one column for each thing known of it beforehand.

The same columns are what the controller sees, what stands in `selection.parquet`, and the free
scores every learned selection is compared with.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

from rlsel.data.image_set import ImageSet
from rlsel.features.centroids import (
    class_centroids,
    cosine_distances,
    own_and_other_distance,
)
from rlsel.features.extract import Features
from rlsel.features.neighbours import knn_label_agreement


@dataclass(frozen=True)
class CandidateTable:
    """Known of every candidate from the real images alone; nothing of test or selection-val."""

    labels: Int[np.ndarray, " n"]
    own_distance: Float[np.ndarray, " n"]
    """Cosine distance to the centroid of the own class, in [0, 2]."""
    other_distance: Float[np.ndarray, " n"]
    """Cosine distance to the nearest centroid of another class, in [0, 2]."""
    knn_label_agreement: Float[np.ndarray, " n"]
    """Share of the nearest images of train and reward-val that have its label, in [0, 1]."""
    label_log_probability: Float[np.ndarray, " n"]
    """Log-probability that the extractor gives its label, in nats, at most 0."""

    @property
    def free_scores(self) -> dict[str, Float[np.ndarray, " n"]]:
        """Scores that cost no training beyond the extractor; higher means rather keep."""
        return {
            "own_distance": -self.own_distance,
            "knn_label_agreement": self.knn_label_agreement,
            "label_log_probability": self.label_log_probability,
        }


def describe_candidates(
    features: Features,
    candidates: ImageSet,
    train: ImageSet,
    reward_val: ImageSet,
    num_neighbours: int,
) -> CandidateTable:
    """Compute the table. Neighbours are sought among train and reward-val, which the reward sees
    anyway: the extractor has fitted train itself, so its training images alone agree too well."""
    centroids_CF = class_centroids(features.train, train.labels, train.num_classes)
    distances_NC = cosine_distances(features.candidates, centroids_CF)
    own_N, other_N = own_and_other_distance(distances_NC, candidates.labels)
    log_probability_NC = log_softmax(features.candidate_logits, axis=1)
    agreement_N = knn_label_agreement(
        features.candidates,
        candidates.labels,
        np.concatenate((features.train, features.reward_val)),
        np.concatenate((train.labels, reward_val.labels)),
        num_neighbours,
    )
    return CandidateTable(
        labels=candidates.labels,
        own_distance=own_N,
        other_distance=other_N,
        knn_label_agreement=agreement_N,
        label_log_probability=log_probability_NC[np.arange(len(candidates)), candidates.labels],
    )
