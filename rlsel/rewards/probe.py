"""The cheapest fidelity: a logistic head, refitted for every set of candidates.

Shape letters: N training samples, real ones first; T real ones, K candidates, M sets of candidates,
P numbers that a head sees, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

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
class ProbeFold:
    """What heads are fitted to and scored on, by one extractor."""

    training_NP: Float[np.ndarray, "n p"]
    labels_N: Int[np.ndarray, " n"]
    num_real: int
    real_weight: float
    """By which a real sample counts, so that all of them together count as in a final training."""
    validation: Mapping[Split, np.ndarray]
    """(v, p) for each split but test, which no head is scored on."""


@dataclass(frozen=True)
class Probes:
    """The heads of all folds. Their rows take a fifth of the bytes of the features themselves."""

    folds: tuple[ProbeFold, ...]
    num_classes: int
    l2: float

    @classmethod
    def of(
        cls,
        config: ProbeConfig,
        folds: Sequence[Features],
        labels_N: Int[np.ndarray, " n"],
        num_classes: int,
    ) -> "Probes":
        """Compute the components of all rows.

        Args:
            folds: The features by each extractor.
            labels_N: Of the real training samples, then of the candidates.
        """
        made = tuple(_fold(config, features, labels_N) for features in folds)
        return cls(made, num_classes, config.l2)

    def logits(self, kept_MK: Bool[np.ndarray, "m k"], split: Split) -> list[list[np.ndarray]]:
        """For each set of candidates, for each fold: (v, c) logits of a split by a fresh head."""
        by_fold = [
            [
                fold.validation[split] @ weights_PC
                for weights_PC in self._solved(heads, fold, kept_MK)
            ]
            for heads, fold in zip(self._heads, self.folds, strict=True)
        ]
        return [list(of_set) for of_set in zip(*by_fold, strict=True)]

    def _solved(
        self, heads: LogisticHeads, fold: ProbeFold, kept_MK: Bool[np.ndarray, "m k"]
    ) -> Float[np.ndarray, "m p c"]:
        real_MT = np.ones((len(kept_MK), fold.num_real), dtype=bool)
        return heads.fit(torch.from_numpy(np.concatenate((real_MT, kept_MK), axis=1))).numpy()

    @cached_property
    def _heads(self) -> list[LogisticHeads]:
        return [
            LogisticHeads(
                read_only(fold.training_NP),
                read_only(fold.labels_N),
                self.num_classes,
                self.l2,
                weight_N=_weights(fold),
            )
            for fold in self.folds
        ]


def _fold(config: ProbeConfig, features: Features, labels_N: np.ndarray) -> ProbeFold:
    real_TF, num_all = features.used_train, len(features.train)
    rows = HeadFeatures(config.num_components, real_TF, features.candidates)
    real_labels = labels_N[:num_all] if features.unseen is None else labels_N[features.unseen]
    validation: dict[Split, np.ndarray] = {
        "reward_val": rows.project(features.reward_val),
        "selection_val": rows.project(features.selection_val),
    }
    return ProbeFold(
        rows.training_NP,
        np.concatenate((real_labels, labels_N[num_all:])),
        len(real_TF),
        num_all / max(1, len(real_TF)),
        validation,
    )


def _weights(fold: ProbeFold) -> Tensor | None:
    if fold.real_weight == 1.0:
        return None
    weight_N = torch.ones(len(fold.labels_N), dtype=torch.float64)
    weight_N[: fold.num_real] = fold.real_weight
    return weight_N
