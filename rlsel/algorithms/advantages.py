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
"""An advantage of less, in standard deviations, says neither yes nor no."""


def subtract_baseline(
    returns_B: Float[Tensor, " b"],
    values_B: Float[Tensor, " b"],
    decision_BD: Float[Tensor, "b d"],
    baseline: Baseline,
) -> Float[Tensor, " b"]:
    """Returns beyond what was to be expected.

    Args:
        returns_B: Discounted reward-to-go; with gamma 0 the reward of the decision itself.
        values_B: What the value head says of the state.
        decision_BD: One-hot, which decision of its episode a row is.
        baseline: `decision` subtracts the mean return of the same decision, `value` the value.
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
    """To variance 1, and if wanted to mean 0, over what counts.

    All come near 0 where they are near nothing, as once a policy has collapsed.

    Args:
        counts_BX: 1 where an advantage counts, 0 on padding.
        scale: Largest return there is, to tell rounding from differences.
    """
    total = counts_BX.sum().clamp(min=1)
    mean = (advantages_BX * counts_BX).sum() / total if centre else advantages_BX.new_zeros(())
    std = (((advantages_BX - mean) ** 2 * counts_BX).sum() / total).sqrt()
    # Where all returns are alike only rounding is left, which must not be blown up to variance 1.
    return (advantages_BX - mean) / std.clamp(min=1e-5 * scale + 1e-8) * counts_BX


@dataclass(frozen=True)
class Taken:
    """Decisions of an iteration: which they were, what they kept, what they were paid."""

    decision_B: Int[np.ndarray, " b"]
    kept_sets_BX: Float[np.ndarray, "b x"]
    """Share kept of the batch's candidates of each class and descriptors of the kept, summed over
    the batch's size; and the same of what was kept before, as the environment shows it."""
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
    """Runs after RLlib's own advantage estimation, and replaces what that made.

    RLlib adds an artificial row per episode and standardises over those as well (ray issue 57989),
    which pushes the mean of real rows to about -0.2. Here artificial rows are dropped.

    Advantages come out as (B, 1), or as (B, K) where every candidate has credit of its own.
    """

    def __init__(self, baseline: Baseline, credit: RidgeCredit | None) -> None:
        super().__init__()
        self.baseline: Baseline = baseline
        self.credit = credit
        self.diagnostics: dict[str, float] = {}
        self.taken = Taken.nothing()
        """What the last update learned from."""

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
            # Detached, or every step of an update would go back through this graph.
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
            # Without a baseline nothing is taken off; estimated credit is about its mean already.
            centre=self.baseline != "none" and not self.credit,
        )
        self.diagnostics[POSITIVE_SHARE] = positive_share(advantage_BX)
        columns[Postprocessing.ADVANTAGES] = advantage_BX
        return columns


def positive_share(advantages_BX: Float[Tensor, "b x"]) -> float:
    """Of the standardised advantages that say anything; NaN where none does."""
    told = advantages_BX[advantages_BX.abs() > NOTHING]
    return float((told > 0).float().mean())


def share_out(
    credit: RidgeCredit, columns: Mapping[str, Any], advantage_B: Float[Tensor, " b"]
) -> Float[Tensor, "b k"]:
    """Advantage of each decision on each candidate. Updates `credit` by these rows.

    Its own part is worth (a - p): what the action adds to what the policy gets on average, exact
    where worths add up. `factored` adds what the own parts of all candidates leave unexplained.

    Source: of `factored` Wu et al. 2018, "Variance reduction for policy gradient with
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
    """Only the rows of decisions that were taken."""
    real_B: Bool[Tensor, " b"] = columns[Columns.LOSS_MASK].bool()
    observation = {name: values[real_B] for name, values in columns[Columns.OBS].items()}
    flat = {name: values[real_B] for name, values in columns.items() if name != Columns.OBS}
    return {Columns.OBS: observation, **flat}
