"""Data Banzhaf and TMC-Shapley: what a candidate adds to heads that are trained on random sets.

Shape letters beside those of `inputs.py`: M sets, J places of a permutation.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float

from rlsel.heads import LogisticHeads
from rlsel.heads.logistic import L2
from rlsel.machine.progress import progress_bar
from rlsel.metrics import auc
from rlsel.rewards.workbench import PROBES_AT_ONCE
from rlsel.selectors.peers.inputs import PeerInputs

AT_ONCE = 32
"""Sets of a permutation evaluated side by side. With more, more are wasted when it ends early."""
STEADY = 6
"""Utilities in a row that must be close to the whole pool's before a permutation is ended."""


class SetUtility:
    """AUC on reward-val of the probe's head, trained on all real images and a set of candidates."""

    def __init__(self, inputs: PeerInputs) -> None:
        self._inputs = inputs
        self._heads = LogisticHeads(
            torch.from_numpy(np.concatenate((inputs.train_TP, inputs.candidates_NP))),
            torch.from_numpy(np.concatenate((inputs.train_labels_T, inputs.labels_N))),
            inputs.num_classes,
            L2,
        )

    def __call__(self, sets_MN: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        real_MT = np.ones((len(sets_MN), len(self._inputs.train_labels_T)), dtype=bool)
        weights_MPC = self._heads.fit(torch.from_numpy(np.concatenate((real_MT, sets_MN), axis=1)))
        logits_MRC = self._inputs.reward_val_RP @ weights_MPC.numpy()
        return np.array([auc(one_RC, self._inputs.reward_val_labels_R) for one_RC in logits_MRC])


def data_banzhaf(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Mean utility of the random sets with a candidate, less that of the sets without it.

    A candidate is in a set with probability one half, so every set counts for every candidate
    (maximum sample reuse).

    Source: Wang and Jia 2023, Data Banzhaf: a robust data valuation framework for machine learning,
    AISTATS.
    """
    num, num_fits = len(inputs.labels_N), inputs.config.num_fits
    utility = SetUtility(inputs)
    # Row 0 counts sets without the candidate, row 1 sets with it.
    total_2N, count_2N = np.zeros((2, num)), np.zeros((2, num))
    with progress_bar("Data Banzhaf", num_fits) as bar:
        while bar.done < num_fits:
            sets_MN = rng.random((min(PROBES_AT_ONCE, num_fits - bar.done), num)) < 0.5
            utility_M = utility(sets_MN)
            for row, chosen_MN in enumerate((~sets_MN, sets_MN)):
                total_2N[row] += utility_M @ chosen_MN
                count_2N[row] += chosen_MN.sum(axis=0)
            bar.advance(len(sets_MN))
    without_N, with_N = _mean(total_2N, count_2N)
    return with_N - without_N


def tmc_shapley(inputs: PeerInputs, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """What a candidate adds to those before it, averaged over random permutations of the pool.

    A permutation is ended once `STEADY` utilities in a row are within `truncation` of the whole
    pool's, as in the authors' code; the remaining candidates gain nothing in it. `AT_ONCE` sets are
    evaluated side by side, and all of them count against the budget, so a few are wasted in each
    permutation. The budget may cut the last permutation short. Candidates that it does not reach
    are valued by the other permutations.

    Source: Ghorbani and Zou 2019, Data Shapley: equitable valuation of data for machine learning,
    ICML, algorithm 1.
    """
    num, num_fits = len(inputs.labels_N), inputs.config.num_fits
    utility = SetUtility(inputs)
    nobody, everybody = utility(np.array([[False] * num, [True] * num]))
    total_N, count_N = np.zeros(num), np.zeros(num)
    with progress_bar("TMC-Shapley", num_fits) as bar:
        bar.advance(2)
        while bar.done < num_fits:
            order_N, utilities = rng.permutation(num), np.array([nobody])
            left = False
            while not left and len(utilities) <= num and bar.done < num_fits:
                start = len(utilities) - 1
                size = min(AT_ONCE, num - start, num_fits - bar.done)
                utilities = np.append(utilities, utility(_prefixes(order_N, start, size)))
                bar.advance(size)
                end = _steady_from(utilities, everybody, inputs.config.truncation)
                left = end is not None
                utilities = utilities[:end]
            gains_J = np.diff(utilities)
            reached_J = order_N[: len(gains_J)]
            total_N[reached_J] += gains_J
            count_N[order_N if left else reached_J] += 1
    return _mean(total_N, count_N)


def _prefixes(order_N: np.ndarray, start: int, size: int) -> Bool[np.ndarray, "m n"]:
    """The sets of the first start + 1, ..., start + size candidates of a permutation."""
    place_N = np.empty(len(order_N), dtype=np.int64)
    place_N[order_N] = np.arange(len(order_N))
    return place_N[None] <= np.arange(start, start + size)[:, None]


def _steady_from(utilities: np.ndarray, everybody: float, truncation: float) -> int | None:
    """The number of utilities after which the last `STEADY` are close enough, or None."""
    near = np.abs(utilities[1:] - everybody) <= truncation * everybody
    runs = np.convolve(near, np.ones(STEADY), mode="valid") if len(near) >= STEADY else near[:0]
    hits = np.flatnonzero(runs == STEADY)
    return int(hits[0]) + STEADY + 1 if len(hits) else None


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
