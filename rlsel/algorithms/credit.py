"""Credit for single candidates: a regression of the rewards on the kept candidates.

Shape letters: B decisions taken, K candidates per decision, F descriptors, G = 1 + F columns.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rlsel.algorithms.config import CreditConfig


@dataclass
class _Sums:
    """Sums of the regression over all rewards of one decision. Older iterations weigh less.

    Rewards are centred on the mean of their iteration. The average reward changes while the policy
    learns, and no single candidate causes that change. Without the centring, the change would be
    credited to the candidates that are kept more often than before.
    """

    candidates_KF: Tensor
    gram_KK: Tensor
    product_K: Tensor
    count: Tensor

    @staticmethod
    def nothing(candidates_KF: Tensor) -> "_Sums":
        zero_K = candidates_KF.new_zeros(len(candidates_KF))
        zero = candidates_KF.new_zeros(())
        return _Sums(candidates_KF, torch.outer(zero_K, zero_K), zero_K, zero)

    def add(self, kept_BK: Tensor, reward_B: Tensor, memory: float) -> None:
        centred_BK = kept_BK - kept_BK.mean(0)
        self.gram_KK = memory * self.gram_KK + centred_BK.T @ centred_BK
        self.product_K = memory * self.product_K + centred_BK.T @ (reward_B - reward_B.mean())
        self.count = memory * self.count + len(reward_B)

    def without_own_parts(self, own_ridge: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The system that is left for the descriptors, (F, F) and (F,), if the candidates' own
        parts are eliminated, and (K, G) what these parts follow from."""
        x_KF, gram_KK = self.candidates_KF, self.gram_KK
        inner_KK = gram_KK + own_ridge * torch.eye(len(gram_KK), dtype=torch.float64)
        right_KG = torch.cat((self.product_K[:, None], gram_KK @ x_KF), dim=1)
        solved_KG = torch.linalg.solve(inner_KK, right_KG)
        inner_FF = x_KF.T @ gram_KK @ (x_KF - solved_KG[:, 1:])
        return inner_FF, x_KF.T @ (self.product_K - gram_KK @ solved_KG[:, 0]), solved_KG


@dataclass
class _Left:
    """What the regression remembers of candidates that it sees no more: what their rewards said of
    the descriptors. Their own parts are forgotten."""

    inner_FF: Tensor
    right_F: Tensor
    explained: Tensor
    count: Tensor

    @staticmethod
    def nothing(num_descriptors: int) -> "_Left":
        zero_F = torch.zeros(num_descriptors, dtype=torch.float64)
        zero = zero_F.new_zeros(())
        return _Left(torch.outer(zero_F, zero_F), zero_F, zero, zero)


class RidgeCredit:
    """What each candidate adds to a reward, as the mean of a Gaussian posterior.

    The model: the reward of a decision is a constant of that decision and iteration, plus the
    worths of the kept candidates, plus noise. A worth is a linear function of the candidate's
    descriptors, the same function for all decisions, plus a part of the candidate's own. Both parts
    have normal priors, so the estimate is a ridge regression. The strength of the penalty follows
    from how much the kept sets differ, so no setting depends on the unit of the reward.

    If the pool has several shards, another iteration shows other candidates in a decision. What was
    learned of the descriptors stays, and what was learned of the own parts is dropped.

    Bias: estimates are shrunk towards zero, and interactions between candidates count as noise.

    Source: datamodels (Ilyas et al. 2022), with descriptors beside the indicators.
    """

    def __init__(self, config: CreditConfig) -> None:
        self.config = config
        self._sums: dict[int, _Sums] = {}
        self._left: _Left | None = None

    def update(
        self,
        kept_BK: Bool[Tensor, "b k"],
        reward_B: Float[Tensor, " b"],
        decision_B: Int[Tensor, " b"],
        candidates_BKF: Float[Tensor, "b k f"],
    ) -> None:
        """Add the decisions of one iteration to the sums."""
        self._leave_other_candidates(decision_B, candidates_BKF)
        for decision in decision_B.unique().tolist():
            rows = (decision_B == decision).nonzero().squeeze(1)
            if decision not in self._sums:
                self._sums[decision] = _Sums.nothing(candidates_BKF[rows[0]].double())
            self._sums[decision].add(
                kept_BK[rows].double(), reward_B[rows].double(), self.config.memory
            )

    def _leave_other_candidates(self, decision_B: Tensor, candidates_BKF: Tensor) -> None:
        """Let the memory of earlier shards fade, and drop the sums of a shard that has ended."""
        memory = self.config.memory
        if self._left is not None:
            self._left = _Left(**{name: memory * value for name, value in vars(self._left).items()})
        known = self._sums.get(int(decision_B[0]))
        same = known is not None and torch.equal(known.candidates_KF, candidates_BKF[0].double())
        if same or not self._sums:
            return
        own_ridge = self._ridge() / max(self.config.own, 1e-9)
        left = self._left or _Left.nothing(candidates_BKF.shape[2])
        for sums in self._sums.values():
            inner_FF, right_F, _ = sums.without_own_parts(own_ridge)
            left.inner_FF = left.inner_FF + memory * inner_FF
            left.right_F = left.right_F + memory * right_F
            left.explained = left.explained + memory * self._explained(sums)
            left.count = left.count + memory * sums.count
        self._left, self._sums = left, {}

    def worths(self) -> dict[int, Float[Tensor, " k"]]:
        """Decision -> estimated worth of each of its candidates, in units of the reward."""
        ridge = self._ridge()
        own_ridge = ridge / max(self.config.own, 1e-9)
        some_x_KF = next(iter(self._sums.values())).candidates_KF
        num_descriptors = some_x_KF.shape[1]
        inner_FF = ridge * num_descriptors * torch.eye(num_descriptors, dtype=torch.float64)
        right_F = some_x_KF.new_zeros(num_descriptors)
        if self._left is not None:
            inner_FF, right_F = inner_FF + self._left.inner_FF, right_F + self._left.right_F
        own_parts: dict[int, Tensor] = {}
        # The candidates' own parts are eliminated first, which leaves a system of size F.
        for decision, sums in self._sums.items():
            of_descriptors_FF, of_product_F, own_parts[decision] = sums.without_own_parts(own_ridge)
            inner_FF, right_F = inner_FF + of_descriptors_FF, right_F + of_product_F
        slope_F = torch.linalg.solve(inner_FF, right_F)
        return {
            decision: sums.candidates_KF @ slope_F
            + (own_parts[decision][:, 0] - own_parts[decision][:, 1:] @ slope_F)
            for decision, sums in self._sums.items()
        }

    def _ridge(self) -> Tensor:
        """Noise variance over prior variance.

        It is chosen so that the noise has the variance that the candidates explain together.
        """
        explained = [self._explained(sums) for sums in self._sums.values()]
        count = [sums.count for sums in self._sums.values()]
        if self._left is not None:
            explained, count = [*explained, self._left.explained], [*count, self._left.count]
        # If all episodes kept the same set, only rounding is left, which is no difference.
        return (sum(explained) / sum(count)).clamp(min=1e-8)

    def _explained(self, sums: _Sums) -> Tensor:
        x_KF, gram_KK = sums.candidates_KF, sums.gram_KK
        by_descriptors = torch.einsum("kf,kl,lf->", x_KF, gram_KK, x_KF) / x_KF.shape[1]
        return by_descriptors + self.config.own * gram_KK.trace()

    def get_state(self) -> dict[str, Any]:
        sums = {decision: dict(vars(sums)) for decision, sums in self._sums.items()}
        return {"sums": sums, "left": None if self._left is None else dict(vars(self._left))}

    def set_state(self, state: dict[str, Any]) -> None:
        self._sums = {decision: _Sums(**sums) for decision, sums in state["sums"].items()}
        self._left = None if state["left"] is None else _Left(**state["left"])
