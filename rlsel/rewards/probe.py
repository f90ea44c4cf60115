"""The cheapest fidelity: a logistic head, refitted for every set of candidates.

Shape letters: N training samples, real ones first; M heads, P numbers that a head sees, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field

from rlsel.features import Features
from rlsel.heads import HeadFeatures, LogisticHeads
from rlsel.machine.device import read_only
from rlsel.rewards.jobs import Split
from rlsel.schema import config


@config
class ProbeConfig:
    """A multinomial logistic head with an L2 penalty, on principal components of the features."""

    num_components: Annotated[int, Field(ge=1)] = 48
    """Principal components of real + candidates that the head sees."""
    l2: Annotated[float, Field(gt=0)] = 0.003
    """Penalty on the squared weights against the mean log-loss, at unit mean squared feature."""


@dataclass(frozen=True)
class Probes:
    """What heads are fitted to and scored on: a fifth of the bytes of the features themselves."""

    training_NP: Float[np.ndarray, "n p"]
    labels_N: Int[np.ndarray, " n"]
    validation: Mapping[Split, np.ndarray]
    """(v, p) for each split but test, which no head is scored on."""
    num_classes: int
    l2: float

    @classmethod
    def of(
        cls,
        config: ProbeConfig,
        features: Features,
        labels_N: Int[np.ndarray, " n"],
        num_classes: int,
    ) -> "Probes":
        """Compute the components of all rows.

        Args:
            labels_N: Of the real training samples, then of the candidates.
        """
        rows = HeadFeatures(config.num_components, features.train, features.candidates)
        validation: dict[Split, np.ndarray] = {
            "reward_val": rows.project(features.reward_val),
            "selection_val": rows.project(features.selection_val),
        }
        return cls(rows.training_NP, labels_N, validation, num_classes, config.l2)

    def logits(self, used_MN: Bool[np.ndarray, "m n"], split: Split) -> list[np.ndarray]:
        """(v, c) logits of a split by each of the heads that are fitted to these subsets."""
        weights_MPC = self._heads.fit(torch.from_numpy(used_MN)).numpy()
        return [self.validation[split] @ weights_PC for weights_PC in weights_MPC]

    @cached_property
    def _heads(self) -> LogisticHeads:
        return LogisticHeads(
            read_only(self.training_NP), read_only(self.labels_N), self.num_classes, self.l2
        )
