"""KNN-Shapley: exact Shapley values, because the model is a vote of the nearest.

Shape letters beside those of `inputs.py`: M = T + N players, B images of reward-val at once.
"""

import numpy as np
from jaxtyping import Float, Int

from rlsel.features.centroids import normalise_rows
from rlsel.machine.progress import progress_bar
from rlsel.selectors.peers.inputs import PeerInputs

CHUNK = 256
"""Images of reward-val at once; bounds memory to CHUNK x players."""


def knn_shapley(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """What a candidate adds to the accuracy on reward-val of a vote of the K nearest, by cosine.

    Train and candidates are players together, so real images compete for the places among the
    nearest; they cannot be in every set, for then there is no closed form.

    Source: Jia et al. 2019, Efficient task-specific data valuation for nearest neighbor algorithms,
    PVLDB 12, theorem 1.
    """
    players_MF = normalise_rows(np.concatenate((inputs.train_TF, inputs.candidates_NF)))
    labels_M = np.concatenate((inputs.train_labels_T, inputs.labels_N))
    reward_val_RF = normalise_rows(inputs.reward_val_RF)
    value_M = np.zeros(len(players_MF))
    with progress_bar("KNN-Shapley", len(reward_val_RF)) as bar:
        for start in range(0, len(reward_val_RF), CHUNK):
            part = slice(start, start + CHUNK)
            similarity_BM = reward_val_RF[part] @ players_MF.T
            asked_B = inputs.reward_val_labels_R[part]
            k = inputs.config.num_neighbours
            value_M += shapley_of_votes(similarity_BM, labels_M, asked_B, k)
            bar.advance(len(asked_B))
    return value_M[len(inputs.train_labels_T) :] / len(reward_val_RF)


def shapley_of_votes(
    similarity_BM: Float[np.ndarray, "b m"],
    labels_M: Int[np.ndarray, " m"],
    asked_B: Int[np.ndarray, " b"],
    num_neighbours: int,
) -> Float[np.ndarray, " m"]:
    """Values of the players, summed over the images that are asked about.

    The utility of a set is the share of right votes among the K nearest, absent ones wrong.
    """
    num = len(labels_M)
    nearest_BM = np.argsort(-similarity_BM, axis=1, kind="stable")
    right_BM = (labels_M[nearest_BM] == asked_B[:, None]).astype(np.float64)
    # From the farthest, alone with what is left over, to the nearest: each differs from the next
    # by whether its vote does, times how often there is a place for it.
    place_M = np.arange(1, num + 1)
    weight_M = np.minimum(num_neighbours, place_M) / (num_neighbours * place_M)
    steps_BM = right_BM * weight_M
    steps_BM[:, :-1] -= right_BM[:, 1:] * weight_M[:-1]
    value_BM = np.cumsum(steps_BM[:, ::-1], axis=1)[:, ::-1]
    return np.bincount(nearest_BM.ravel(), weights=value_BM.ravel(), minlength=num)
