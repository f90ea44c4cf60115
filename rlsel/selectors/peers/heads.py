"""Data-OOB and confident learning: both ask heads that have not learned a candidate's label.

Shape letters beside those of `inputs.py`: M training rows.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from rlsel.heads.logistic import L2
from rlsel.machine.progress import track
from rlsel.selectors.peers.inputs import PeerInputs

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


def data_oob(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Share of the heads without a candidate in their bag that predict its label.

    A bag is a bootstrap sample of the candidates, as large as the pool, with all of train and
    reward-val. Departure: the source draws bags from all data and trains decision trees.

    Source: Kwon and Zou 2023, Data-OOB: out-of-bag estimate as a simple and efficient data value,
    ICML.
    """
    num = len(inputs.labels_N)
    trusted_MP, trusted_labels_M = inputs.trusted
    right_N, out_of_bag_N = np.zeros(num), np.zeros(num)
    bags = inputs.config.num_bags
    for _ in track(range(bags), "Data-OOB", bags):
        drawn_N = rng.integers(num, size=num)
        head = logistic_head(inputs, len(trusted_MP) + num).fit(
            np.concatenate((trusted_MP, inputs.candidates_NP[drawn_N])),
            np.concatenate((trusted_labels_M, inputs.labels_N[drawn_N])),
        )
        out_N = np.ones(num, dtype=bool)
        out_N[drawn_N] = False
        right_N += out_N & (head.predict(inputs.candidates_NP) == inputs.labels_N)
        out_of_bag_N += out_N
    return np.divide(right_N, out_of_bag_N, out=np.full(num, np.nan), where=out_of_bag_N > 0)


def confident_learning(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """cleanlab's self-confidence: the out-of-sample probability of the given label.

    Departure: cleanlab usually cross-validates on the doubtful data. Here there are trusted labels,
    so one head learns train and reward-val, and every candidate is out of sample.

    Source: Northcutt et al. 2021, Confident learning: estimating uncertainty in dataset labels,
    JAIR 70. cleanlab ranks label issues by this score.
    """
    from cleanlab.rank import get_label_quality_scores

    trusted_MP, trusted_labels_M = inputs.trusted
    head = logistic_head(inputs, len(trusted_MP)).fit(trusted_MP, trusted_labels_M)
    probability_NC = head.predict_proba(inputs.candidates_NP)
    return get_label_quality_scores(inputs.labels_N, probability_NC, method="self_confidence")


def logistic_head(inputs: PeerInputs, num_rows: int) -> "LogisticRegression":
    """The probe's head (`rlsel.heads`) as a scikit-learn model for `num_rows` rows.

    The bias is the weight of the column of ones, and is penalised like the others.
    """
    from sklearn.linear_model import LogisticRegression  # its import takes a second

    # scikit-learn's C weighs the sum of losses, and `l2` is relative to their mean. With more than
    # two classes scikit-learn penalises the weights, and the probe twice their differences.
    penalty = L2 * num_rows * (1 if inputs.num_classes == 2 else 2)
    return LogisticRegression(
        C=1.0 / penalty, solver="newton-cholesky", fit_intercept=False, tol=1e-6
    )
