"""KNN-Shapley: Shapley values, which have a closed form for a vote of the nearest neighbours.

Shape letters beside those of `inputs.py`: M = T + N players, B images of reward-val at once.
"""

import numpy as np
from jaxtyping import Float, Int

from rlsel.features.centroids import normalise_rows
from rlsel.machine.progress import progress_bar
from rlsel.selectors.peers.inputs import PeerInputs

CHUNK = 256
"""Images of reward-val at once. Memory grows with CHUNK x players."""


def knn_shapley(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """What a candidate adds to the accuracy of a vote of the K nearest neighbours on reward-val.

    Neighbours are nearest by cosine. Real training images are players as the candidates are. They
    cannot be part of every set, since the closed form would not hold then.

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
    """Values of the players, summed over the images asked about.

    The utility of a set is the share of right votes among the K nearest. Missing votes count as
    wrong.
    """
    num = len(labels_M)
    nearest_BM = np.argsort(-similarity_BM, axis=1, kind="stable")
    right_BM = (labels_M[nearest_BM] == asked_B[:, None]).astype(np.float64)
    # The recursion of theorem 1, from the farthest player to the nearest: the values of two
    # neighbours in this order differ by the difference of their votes, times a weight of the place.
    place_M = np.arange(1, num + 1)
    weight_M = np.minimum(num_neighbours, place_M) / (num_neighbours * place_M)
    steps_BM = right_BM * weight_M
    steps_BM[:, :-1] -= right_BM[:, 1:] * weight_M[:-1]
    value_BM = np.cumsum(steps_BM[:, ::-1], axis=1)[:, ::-1]
    return np.bincount(nearest_BM.ravel(), weights=value_BM.ravel(), minlength=num)
