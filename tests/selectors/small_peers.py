"""Clusters whose truth is known: what peers are asked about in tests."""

from dataclasses import replace
from typing import Any

import numpy as np

from rlsel.selectors.peers import PeerInputs, PeersConfig

NUM_CANDIDATES = 101
SIZE = 7
"""Numbers in a feature."""
CHEAP: dict[str, Any] = {"num_bags": 17, "num_fits": 307}


def right() -> np.ndarray:
    """Which candidates have the label of the cluster that they are drawn from."""
    return np.random.default_rng(1).random(NUM_CANDIDATES) < 0.6


def small_inputs(num_classes: int = 3, **settings: Any) -> PeerInputs:
    """Real images are few and clusters overlap, so right candidates help a head and wrong ones
    harm it."""
    rng = np.random.default_rng(0)
    means_CF = 1.5 * rng.standard_normal((num_classes, SIZE))

    def draw(num: int) -> tuple[np.ndarray, np.ndarray]:
        labels_N = np.arange(num) % num_classes
        features_NF = means_CF[labels_N] + 2.0 * rng.standard_normal((num, SIZE))
        return features_NF.astype(np.float32), labels_N

    train_TF, train_labels_T = draw(13)
    reward_val_RF, reward_val_labels_R = draw(211)
    candidates_NF, shown_N = draw(NUM_CANDIDATES)
    labels_N = np.where(right(), shown_N, (shown_N + 1) % num_classes)
    return PeerInputs(
        train_TF=train_TF,
        train_labels_T=train_labels_T,
        reward_val_RF=reward_val_RF,
        reward_val_labels_R=reward_val_labels_R,
        candidates_NF=candidates_NF,
        labels_N=labels_N,
        num_classes=num_classes,
        config=PeersConfig(**(CHEAP | settings)),
    )


def only(inputs: PeerInputs, num: int) -> PeerInputs:
    """The same with the first candidates alone."""
    return replace(inputs, candidates_NF=inputs.candidates_NF[:num], labels_N=inputs.labels_N[:num])
