"""The list of peers, the packages they need, and the function that asks one."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from rlsel.errors import InputError
from rlsel.selectors.peers.heads import confident_learning, data_oob
from rlsel.selectors.peers.inputs import PeerInputs
from rlsel.selectors.peers.neighbours import knn_shapley
from rlsel.selectors.peers.subsets import data_banzhaf, tmc_shapley

PEERS: dict[str, Callable[[PeerInputs, np.random.Generator], Float[np.ndarray, " n"]]] = {
    "knn_shapley": knn_shapley,
    "data_oob": data_oob,
    "data_banzhaf": data_banzhaf,
    "tmc_shapley": tmc_shapley,
    "confident_learning": confident_learning,
}
PACKAGES = {"confident_learning": "cleanlab"}
"""Packages that a peer needs beyond those of rlsel; the extra `peers` installs them."""


def require_packages(methods: Iterable[str]) -> None:
    """Refuse methods whose package is not installed, without importing anything.

    Raises:
        InputError: names the first such method, its package, and what installs it.
    """
    for method in methods:
        if method in PACKAGES and find_spec(PACKAGES[method]) is None:
            raise InputError(
                f"selection.methods has {method}, which needs {PACKAGES[method]}, and that is not "
                "installed; pip install 'rlsel[peers]', or leave the method out"
            )


def score_candidates(
    method: str, inputs: PeerInputs, rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """The scores of a peer. Candidates that its budget was too small for get the mean score.

    Returns:
        (n,) finite scores in units of the method, the best highest.
    """
    score_N = PEERS[method](inputs, rng)
    known_N = np.isfinite(score_N)
    return np.where(known_N, score_N, score_N[known_N].mean() if known_N.any() else 0.0)
