"""What each decision on each candidate is paid: from rewards to advantages.

Shape letters: B rows, K candidates per decision, D decisions of an episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from torch import Tensor

from rlsel.algorithms.config import Baseline
from rlsel.algorithms.credit import RidgeCredit

EXPLAINED_VARIANCE = "explained_variance"
POSITIVE_SHARE = "positive_advantages"
NOTHING = 0.01
"""Advantages smaller than this, in standard deviations, count as neither positive nor negative."""


def subtract_baseline(
    returns_B: Float[Tensor, " b"],
    values_B: Float[Tensor, " b"],
    decision_BD: Float[Tensor, "b d"],
    baseline: Baseline,
) -> Float[Tensor, " b"]:
    """Returns less the baseline.

    Args:
        returns_B: Discounted reward-to-go; with gamma 0 the reward of the decision itself.
        values_B: The value head's estimate of the return.
        decision_BD: One-hot number of the decision within its episode.
        baseline: `decision` subtracts the mean return of the same decision over the episodes,
            `value` subtracts `values_B`, `none` subtracts nothing.
    """
    if baseline == "decision":
        values_B = decision_BD @ ((decision_BD.T @ returns_B) / decision_BD.sum(0).clamp(min=1))
    return returns_B if baseline == "none" else returns_B - values_B


def standardise(
    advantages_BX: Float[Tensor, "b x"],
    counts_BX: Float[Tensor, "b x"],
    scale: Float[Tensor, ""],
    centre: bool,
) -> Float[Tensor, "b x"]:
    """Advantages scaled to variance 1, and with `centre` shifted to mean 0.

    Advantages that differ by rounding alone stay near 0. This happens once a policy has collapsed
    and every episode does the same.

    Args:
        counts_BX: 1 where an advantage counts, 0 on padding.
        scale: Largest absolute return. Differences far below it are taken for rounding.
    """
    total = counts_BX.sum().clamp(min=1)
    mean = (advantages_BX * counts_BX).sum() / total if centre else advantages_BX.new_zeros(())
    std = (((advantages_BX - mean) ** 2 * counts_BX).sum() / total).sqrt()
    # If all returns are equal, the rest is rounding, which must not be scaled up to variance 1.
    return (advantages_BX - mean) / std.clamp(min=1e-5 * scale + 1e-8) * counts_BX


@dataclass(frozen=True)
class Taken:
    """The decisions of one iteration: their numbers, what they kept, and their rewards."""

    decision_B: Int[np.ndarray, " b"]
    kept_sets_BX: Float[np.ndarray, "b x"]
    """One row of numbers for each decision. The first half describes the candidates that it kept:
    their count per class and their summed descriptors, both divided by the size of the batch. The
    second half describes what was kept before it, as the environment shows it."""
    reward_B: Float[np.ndarray, " b"]

    @staticmethod
    def nothing() -> "Taken":
        return Taken(np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0))

    @staticmethod
    def of(columns: Mapping[str, Any]) -> "Taken":
        observation = columns[Columns.OBS]
        kept_BK1 = (columns[Columns.ACTIONS] * observation["valid"])[..., None]
        num_classes = int(observation["labels"].max()) + 1
        labels_BKC = torch.nn.functional.one_hot(observation["labels"].long(), num_classes)
        of_each_BKX = torch.cat((labels_BKC, observation["candidates"]), dim=-1)
        now_BX = (of_each_BKX * kept_BK1).sum(1) / observation["valid"].sum(1, keepdim=True)
        return Taken(
            observation["decision"].argmax(1).numpy(),
            torch.cat((now_BX, observation["kept"]), dim=1).numpy(),
            columns[Columns.REWARDS].double().numpy(),
        )


class Advantages(ConnectorV2):
    """Runs after RLlib's own advantage estimation and replaces its result.

    RLlib adds an artificial row to every episode and includes these rows when it standardises (ray
    issue 57989), so that the mean of the real rows is about -0.2. Artificial rows are dropped here.

    The shape of the advantages is (B, 1), or (B, K) if every candidate has credit of its own.
    """

    def __init__(self, baseline: Baseline, credit: RidgeCredit | None) -> None:
        super().__init__()
        self.baseline: Baseline = baseline
        self.credit = credit
        self.diagnostics: dict[str, float] = {}
        self.taken = Taken.nothing()
        """The decisions that the last update learned from."""

    def __call__(self, *, rl_module: Any, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return {
            module_id: self._of_module(drop_artificial_rows(columns), rl_module[module_id])
            for module_id, columns in batch.items()
        }

    def _of_module(self, columns: dict[str, Any], module: Any) -> dict[str, Any]:
        returns_B = columns[Postprocessing.VALUE_TARGETS]
        observation = columns[Columns.OBS]
        values_B = torch.zeros_like(returns_B)
        if self.baseline == "value":
            # Without `detach` every step of an update would backpropagate through this graph.
            values_B = module.unwrapped().compute_values(columns).detach()
        advantage_B = subtract_baseline(returns_B, values_B, observation["decision"], self.baseline)
        variance = returns_B.var(correction=0)
        self.diagnostics = {
            EXPLAINED_VARIANCE: float(1 - advantage_B.var(correction=0) / variance)
            if variance > 0
            else float("nan"),
        }
        advantage_BX, counts_BX = advantage_B[:, None], torch.ones_like(advantage_B[:, None])
        if self.credit:
            advantage_BX = share_out(self.credit, columns, advantage_B)
            counts_BX = observation["valid"]
        self.taken = Taken.of(columns)
        advantage_BX = standardise(
            advantage_BX,
            counts_BX,
            returns_B.abs().max(),
            # `baseline: none` means that no mean is subtracted. Credit is centred already.
            centre=self.baseline != "none" and not self.credit,
        )
        self.diagnostics[POSITIVE_SHARE] = positive_share(advantage_BX)
        columns[Postprocessing.ADVANTAGES] = advantage_BX
        return columns


def positive_share(advantages_BX: Float[Tensor, "b x"]) -> float:
    """Share of positive ones among advantages beyond `NOTHING`; NaN if there are none."""
    told = advantages_BX[advantages_BX.abs() > NOTHING]
    return float((told > 0).float().mean())


def share_out(
    credit: RidgeCredit, columns: Mapping[str, Any], advantage_B: Float[Tensor, " b"]
) -> Float[Tensor, "b k"]:
    """Advantage of each candidate's decision. Updates `credit` with these rows.

    A candidate's own part is worth * (a - p), with its action a and its keep probability p: the
    gain of this action over what the policy gets on average. This is exact if worths add up.
    `ridge` returns the own parts. `factored` adds to each of them the part of the decision's
    advantage that all own parts together leave unexplained.

    Source: for `factored` Wu et al. 2018, "Variance reduction for policy gradient with
    action-dependent factorized baselines", with a linear baseline.
    """
    observation = columns[Columns.OBS]
    decision_B = observation["decision"].argmax(1)
    kept_BK = (columns[Columns.ACTIONS] > 0) & (observation["valid"] > 0)
    returns_B = columns[Postprocessing.VALUE_TARGETS]
    credit.update(kept_BK, returns_B, decision_B, observation["candidates"])
    worths = credit.worths()
    worth_BK = torch.stack([worths[decision] for decision in decision_B.tolist()]).float()
    probability_BK = torch.sigmoid(columns[Columns.ACTION_DIST_INPUTS])
    own_BK = worth_BK * (kept_BK.float() - probability_BK)
    if credit.config.name == "ridge":
        return own_BK
    unexplained_B = advantage_B - own_BK.sum(1)
    return own_BK + unexplained_B[:, None]


def drop_artificial_rows(columns: dict[str, Any]) -> dict[str, Any]:
    """The rows of real decisions, without those that RLlib has added."""
    real_B: Bool[Tensor, " b"] = columns[Columns.LOSS_MASK].bool()
    observation = {name: values[real_B] for name, values in columns[Columns.OBS].items()}
    flat = {name: values[real_B] for name, values in columns.items() if name != Columns.OBS}
    return {Columns.OBS: observation, **flat}
