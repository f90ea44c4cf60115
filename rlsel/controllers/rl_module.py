"""The RLModule of every controller: RLlib sees a policy of independent keep decisions.

Shape letters: B rows, K candidates per decision.
"""

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import (
    TorchDeterministic,
    TorchDistribution,
)
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

from rlsel.controllers.controller import Controller


class IndependentBernoulli(TorchDistribution):
    """A keep decision for each candidate, independent given the state. Logits are (B, K)."""

    def _get_torch_distribution(self, logits: Tensor) -> torch.distributions.Bernoulli:
        # Validating the arguments of every call would cost more than sampling.
        return torch.distributions.Bernoulli(logits=logits, validate_args=False)

    @staticmethod
    def required_input_dim(space: Any, **kwargs: Any) -> int:
        return space.n

    def logp(self, value: Tensor, **kwargs: Any) -> Tensor:
        return self.logp_per_candidate(value).sum(-1)

    def logp_per_candidate(self, value: Tensor) -> Tensor:
        """(B, K) log-probability of each keep or discard; exactly 0 on padding."""
        return self._dist.log_prob(value.to(self._dist.logits.dtype))

    def entropy(self) -> Tensor:
        return self._dist.entropy().sum(-1)

    def kl(self, other: "IndependentBernoulli") -> Tensor:
        # PyTorch's own is infinite if a logit of `other` is so large that p rounds to 1.
        ours, theirs, softplus = self._dist.logits, other._dist.logits, nn.functional.softplus
        keep = self._dist.probs * (softplus(-theirs) - softplus(-ours))
        discard = torch.sigmoid(-ours) * (softplus(theirs) - softplus(ours))
        return (keep + discard).sum(-1)

    def sample(self, *, sample_shape: Any = None) -> Tensor:
        return self._dist.sample(sample_shape or torch.Size()).to(torch.int8)

    def to_deterministic(self) -> TorchDeterministic:
        """Keeps candidates with a probability above one half."""
        return TorchDeterministic(loc=(self._dist.logits > 0).to(torch.int8))


class SelectionModule(TorchRLModule, ValueFunctionAPI):
    """Wraps the controller that `model_config["build"]()` makes."""

    def setup(self) -> None:
        self.controller: Controller = self.model_config["build"]()
        self.action_dist_cls = IndependentBernoulli

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        keep_BK, embedding_BH = self.controller(batch[Columns.OBS], batch.get(Columns.ACTIONS))
        return {Columns.ACTION_DIST_INPUTS: keep_BK, Columns.EMBEDDINGS: embedding_BH}

    def _forward_exploration(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        if not self.controller.is_sequential:
            return self._forward(batch)  # RLlib samples the actions
        actions_BK, keep_BK = self.controller.sample(batch[Columns.OBS])
        logp_B = IndependentBernoulli.from_logits(keep_BK).logp(actions_BK)
        return {
            Columns.ACTIONS: actions_BK,
            Columns.ACTION_DIST_INPUTS: keep_BK,
            Columns.ACTION_LOGP: logp_B,
        }

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        if embeddings is None:
            # Advantages ask for the values of a whole batch and need no gradients.
            with torch.no_grad():
                embeddings = self._forward(batch)[Columns.EMBEDDINGS]
        return self.controller.value(embeddings)
