"""The loss over masks: PPO's clipped surrogate, per candidate or joint, or REINFORCE's.

Shape letters: B rows, K candidates per decision, X terms of a row: its K candidates, or 1.
"""

from typing import Any

import torch
from jaxtyping import Float
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import Tensor

from rlsel.algorithms.advantages import Advantages
from rlsel.algorithms.config import AlgorithmConfig
from rlsel.algorithms.credit import RidgeCredit
from rlsel.algorithms.rollouts import seed_everything
from rlsel.seeding import derive_seed

CLIP_FRACTION = "clip_fraction"
KL_PER_CANDIDATE = "kl_per_candidate"
ENTROPY_PER_CANDIDATE = "entropy_per_candidate"
CREDIT = "credit"
VALUE_COEFF = 0.5
"""Weight of the value loss; the paper gives none."""


def clipped_surrogate(
    log_ratio_BX: Float[Tensor, "b x"],
    advantage_BX: Float[Tensor, "b x"],
    counts_BX: Float[Tensor, "b x"],
    clip: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """PPO's objective (Eq. 4), averaged over the terms that count, and the share that is clipped.

    Args:
        log_ratio_BX: log pi_new - log pi_old, of each candidate's decision or of the whole mask.
        counts_BX: 1 where a term counts, 0 on padding.

    Source: Schulman et al. 2017. The paper's Eq. 6 divides by another action's probability, which
    is a slip; the ratio here is of one action under two policies.
    """
    ratio_BX = log_ratio_BX.exp()
    clipped_BX = ratio_BX.clamp(1.0 - clip, 1.0 + clip)
    gain_BX = torch.minimum(advantage_BX * ratio_BX, advantage_BX * clipped_BX)
    total = counts_BX.sum().clamp(min=1)
    outside_BX = (ratio_BX - 1.0).abs() > clip
    return (gain_BX * counts_BX).sum() / total, (outside_BX * counts_BX).sum() / total


def score_function(
    log_probability_BX: Float[Tensor, "b x"],
    advantage_BX: Float[Tensor, "b x"],
    counts_BX: Float[Tensor, "b x"],
) -> Float[Tensor, ""]:
    """REINFORCE's objective (Williams 1992), averaged over the terms that count."""
    return (advantage_BX * log_probability_BX * counts_BX).sum() / counts_BX.sum().clamp(min=1)


class SelectionLearner(PPOTorchLearner):
    """RLlib's PPO learner with our advantages and our loss.

    Our own settings arrive in `learner_config_dict`: `algorithm` is an `AlgorithmConfig`, and
    `num_minibatches` is the number of minibatches in a pass over an iteration.
    """

    def build(self) -> None:
        self._settings: AlgorithmConfig = self._ours["algorithm"]
        super().build()
        credit = self._settings.credit
        self._credit = RidgeCredit(credit) if credit.name != "shared" else None
        # Ours runs after RLlib's advantage estimation, which `super().build()` appends last.
        self.advantages = Advantages(self._settings.baseline, self._credit)
        assert self._learner_connector is not None
        self._learner_connector.append(self.advantages)

    @property
    def _ours(self) -> dict[str, Any]:
        return self.config.learner_config_dict or {}

    def configure_optimizers_for_module(self, module_id: Any, config: Any = None) -> None:
        module = self.module[module_id]
        optimizer = torch.optim.AdamW(module.parameters(), weight_decay=self._settings.weight_decay)
        self.register_optimizer(
            module_id=module_id,
            optimizer=optimizer,
            params=self.get_parameters(module),
            lr_or_lr_schedule=config.lr,
        )

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        # NumPy's global generator shuffles minibatches. Its seed depends on the progress of the
        # run, so an update is the same in a resumed run.
        done = int(timesteps[NUM_ENV_STEPS_SAMPLED_LIFETIME])
        seed_everything(derive_seed(self.config.seed, "update", done))
        super().before_gradient_based_update(timesteps=timesteps)

    def compute_loss_for_module(
        self, *, module_id: Any, config: Any, batch: dict[str, Any], fwd_out: dict[str, Any]
    ) -> Tensor:
        module = self.module[module_id].unwrapped()
        distribution = module.get_train_action_dist_cls()
        new = distribution.from_logits(fwd_out[Columns.ACTION_DIST_INPUTS])
        old = distribution.from_logits(batch[Columns.ACTION_DIST_INPUTS])
        settings = self._settings
        counts_BK = batch[Columns.OBS]["valid"]
        num_decided = counts_BK.sum().clamp(min=1)

        log_probability_BK = new.logp_per_candidate(batch[Columns.ACTIONS])
        log_ratio_BK = log_probability_BK - old.logp_per_candidate(batch[Columns.ACTIONS])
        advantage_BX = batch[Postprocessing.ADVANTAGES]
        if settings.name == "reinforce":
            advantage_BK = advantage_BX.expand_as(log_probability_BK)
            gain = score_function(log_probability_BK, advantage_BK, counts_BK)
            clip_fraction = torch.zeros(())
        else:
            joint = settings.ratio == "joint"
            gain, clip_fraction = clipped_surrogate(
                log_ratio_BK.sum(-1, keepdim=True) if joint else log_ratio_BK,
                advantage_BX if joint else advantage_BX.expand_as(log_ratio_BK),
                counts_BK.amax(-1, keepdim=True) if joint else counts_BK,
                settings.clip,
            )
        entropy = new.entropy().sum() / num_decided
        loss = -gain - settings.entropy_coeff * entropy
        if settings.baseline == "value":
            value_B = module.compute_values(batch, embeddings=fwd_out[Columns.EMBEDDINGS])
            error_B = (value_B - batch[Postprocessing.VALUE_TARGETS]) ** 2
            loss = loss + VALUE_COEFF * error_B.mean()
        diagnostics = {
            CLIP_FRACTION: clip_fraction,
            KL_PER_CANDIDATE: old.kl(new).sum() / num_decided,
            ENTROPY_PER_CANDIDATE: entropy,
            **self.advantages.diagnostics,
        }
        # The window averages over the last pass, which sees all decisions.
        self.metrics.log_dict(diagnostics, key=module_id, window=self._ours["num_minibatches"])
        return loss

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        state = super().get_state(components, not_components=not_components, **kwargs)
        if self._credit and self._check_component(CREDIT, components, not_components):
            state[CREDIT] = self._credit.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        if self._credit and CREDIT in state:
            self._credit.set_state(state[CREDIT])
        super().set_state(state)
