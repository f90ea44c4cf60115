"""Data-OOB and confident learning: do heads that did not learn a candidate's label agree with it?

Shape letters beside those of `inputs.py`: M training rows.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from rlsel.machine.progress import track
from rlsel.selectors.peers.inputs import HEAD, PeerInputs

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


def data_oob(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Share of right predictions of a candidate's label, by the heads whose bag lacks it.

    A bag is a bootstrap sample of the candidates, as large as the pool; train and reward-val are in
    every bag. The source draws bags from everything and trains decision trees.

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
    """Self-confidence, by cleanlab: the probability of the given label, out of sample.

    cleanlab's usual protocol is cross-validation on the data in doubt. Here labels that can be
    trusted are at hand: one head learns train and reward-val, and every candidate is out of sample.

    Source: Northcutt et al. 2021, Confident learning: estimating uncertainty in dataset labels,
    JAIR 70; the score is that by which cleanlab ranks what it finds.
    """
    from cleanlab.rank import get_label_quality_scores

    trusted_MP, trusted_labels_M = inputs.trusted
    head = logistic_head(inputs, len(trusted_MP)).fit(trusted_MP, trusted_labels_M)
    probability_NC = head.predict_proba(inputs.candidates_NP)
    return get_label_quality_scores(inputs.labels_N, probability_NC, method="self_confidence")


def logistic_head(inputs: PeerInputs, num_rows: int) -> "LogisticRegression":
    """The probe's head (`rlsel.rewards.probe`), by scikit-learn, to be fitted on `num_rows` rows.

    The column of ones is the bias, penalised like the rest.
    """
    from sklearn.linear_model import LogisticRegression  # a second to import

    # scikit-learn's C stands against the sum of losses, `l2` against their mean; and with more than
    # two classes scikit-learn penalises the weights, the probe twice what they differ by.
    penalty = HEAD.l2 * num_rows * (1 if inputs.num_classes == 2 else 2)
    return LogisticRegression(
        C=1.0 / penalty, solver="newton-cholesky", fit_intercept=False, tol=1e-6
    )
