"""`PeerInputs`: all that a peer may use.

Shape letters in this package: T real training images, R images of reward-val, N candidates,
F features, P principal components and a one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from rlsel.data.samples import SampleSet
from rlsel.features import Features
from rlsel.heads import HeadFeatures
from rlsel.heads.logistic import NUM_COMPONENTS
from rlsel.selectors.peers.config import PeersConfig


@dataclass(frozen=True)
class PeerInputs:
    """Features and labels of train, reward-val and the candidates. Selection-val and test are not
    among them."""

    train_TF: Float[np.ndarray, "t f"]
    train_labels_T: Int[np.ndarray, " t"]
    reward_val_RF: Float[np.ndarray, "r f"]
    reward_val_labels_R: Int[np.ndarray, " r"]
    candidates_NF: Float[np.ndarray, "n f"]
    labels_N: Int[np.ndarray, " n"]
    num_classes: int
    config: PeersConfig

    @classmethod
    def of(
        cls,
        features: Features,
        train: SampleSet,
        reward_val: SampleSet,
        candidates: SampleSet,
        config: PeersConfig,
    ) -> "PeerInputs":
        """Take the part of a run's features that peers may see."""
        return cls(
            train_TF=features.train,
            train_labels_T=train.labels,
            reward_val_RF=features.reward_val,
            reward_val_labels_R=reward_val.labels,
            candidates_NF=features.candidates,
            labels_N=candidates.labels,
            num_classes=train.num_classes,
            config=config,
        )

    @property
    def trusted(self) -> tuple[Float[np.ndarray, "m p"], Int[np.ndarray, " m"]]:
        """Components and labels of train and reward-val, whose labels can be trusted."""
        return (
            np.concatenate((self.train_TP, self.reward_val_RP)),
            np.concatenate((self.train_labels_T, self.reward_val_labels_R)),
        )

    @property
    def train_TP(self) -> Float[np.ndarray, "t p"]:
        return self._components.training_NP[: len(self.train_TF)]

    @property
    def candidates_NP(self) -> Float[np.ndarray, "n p"]:
        return self._components.training_NP[len(self.train_TF) :]

    @cached_property
    def reward_val_RP(self) -> Float[np.ndarray, "r p"]:
        return self._components.project(self.reward_val_RF)

    @cached_property
    def _components(self) -> HeadFeatures:
        """The features in the coordinates of the probe."""
        return HeadFeatures(NUM_COMPONENTS, self.train_TF, self.candidates_NF)
