"""PPO's loss over masks: advantages from real rows alone, ratios per candidate or joint.

Shape letters: B rows, K candidates per decision, D decisions of an episode.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import Tensor

from rlsel.algorithms.config import Baseline
from rlsel.algorithms.rollouts import seed_everything
from rlsel.seeding import derive_seed

CLIP_FRACTION = "clip_fraction"
KL_PER_CANDIDATE = "kl_per_candidate"
KEEP_FRACTION = "keep_fraction"
ENTROPY_PER_CANDIDATE = "entropy_per_candidate"


def centre_advantages(
    returns_B: Float[Tensor, " b"],
    values_advantage_B: Float[Tensor, " b"],
    decision_BD: Float[Tensor, "b d"],
    real_B: Bool[Tensor, " b"],
    baseline: Baseline,
) -> Float[Tensor, " b"]:
    """Advantages with mean 0 and variance 1 over real rows; 0 on the rows RLlib makes up.

    All are near 0 where every return is the same, as it is once a policy has collapsed.

    RLlib standardises over one artificial row per episode as well (ray issue 57989), which pushes
    the mean of real rows to about -0.2. Standardising again over real rows undoes it exactly.

    Args:
        returns_B: Discounted reward-to-go; with gamma 0 the reward of the decision itself.
        values_advantage_B: What generalised advantage estimation made with the value head.
        decision_BD: One-hot, which decision of its episode a row is.
        real_B: False on artificial rows.
        baseline: `decision` subtracts the mean return of the same decision; `value` takes
            `values_advantage_B`.
    """
    advantage_B = values_advantage_B
    if baseline == "decision":
        member_BD = decision_BD * real_B[:, None]
        mean_D = (member_BD * returns_B[:, None]).sum(0) / member_BD.sum(0).clamp(min=1)
        advantage_B = returns_B - decision_BD @ mean_D
    real = advantage_B[real_B]
    # Where all returns are alike only rounding is left, which must not be blown up to variance 1.
    rounding = 1e-5 * returns_B[real_B].abs().max() + 1e-8
    standard_B = (advantage_B - real.mean()) / real.std(correction=0).clamp(min=rounding)
    return torch.where(real_B, standard_B, torch.zeros_like(standard_B))


class CentreAdvantages(ConnectorV2):
    """Runs `centre_advantages` after RLlib's own advantage estimation."""

    def __init__(self, baseline: Baseline) -> None:
        super().__init__()
        self.baseline: Baseline = baseline

    def __call__(self, *, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        for columns in batch.values():
            columns[Postprocessing.ADVANTAGES] = centre_advantages(
                columns[Postprocessing.VALUE_TARGETS],
                columns[Postprocessing.ADVANTAGES],
                columns[Columns.OBS]["decision"],
                columns[Columns.LOSS_MASK].bool(),
                self.baseline,
            )
        return batch


def clipped_surrogate(
    log_ratio_BX: Float[Tensor, "b x"],
    advantage_B: Float[Tensor, " b"],
    counts_BX: Float[Tensor, "b x"],
    clip: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """PPO's objective (Eq. 4), averaged over the terms that count, and the share it clipped.

    Args:
        log_ratio_BX: log pi_new - log pi_old; X is the candidates, or 1 for the joint ratio.
        advantage_B: One per decision, shared by its candidates.
        counts_BX: 1 where a term counts, 0 on padding and artificial rows.

    Source: Schulman et al. 2017. The paper's Eq. 6 divides by another action's probability, which
    is a slip; the ratio here is of one action under two policies.
    """
    ratio_BX = log_ratio_BX.exp()
    clipped_BX = ratio_BX.clamp(1.0 - clip, 1.0 + clip)
    gain_BX = torch.minimum(advantage_B[:, None] * ratio_BX, advantage_B[:, None] * clipped_BX)
    total = counts_BX.sum().clamp(min=1)
    outside_BX = (ratio_BX - 1.0).abs() > clip
    return (gain_BX * counts_BX).sum() / total, (outside_BX * counts_BX).sum() / total


class SelectionLearner(PPOTorchLearner):
    """RLlib's PPO learner with our advantages and our loss.

    Settings of ours arrive in `learner_config_dict`: `ratio` and `baseline`.
    """

    def build(self) -> None:
        super().build()
        # After advantage estimation, which PPO's own `build` has appended last.
        self._learner_connector.append(CentreAdvantages(self._ours("baseline")))

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        # Minibatches are shuffled by NumPy's global generator; seeded by progress, an update is the
        # same in a resumed run.
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
        real_B = batch[Columns.LOSS_MASK].to(torch.float32)
        counts_BK = batch[Columns.OBS]["valid"] * real_B[:, None]
        num_decided = counts_BK.sum().clamp(min=1)

        actions_BK = batch[Columns.ACTIONS]
        log_ratio_BK = new.logp_per_candidate(actions_BK) - old.logp_per_candidate(actions_BK)
        joint = self._ours("ratio") == "joint"
        surrogate, clip_fraction = clipped_surrogate(
            log_ratio_BK.sum(-1, keepdim=True) if joint else log_ratio_BK,
            batch[Postprocessing.ADVANTAGES],
            real_B[:, None] if joint else counts_BK,
            config.clip_param,
        )
        entropy = (new.entropy() * real_B).sum() / num_decided
        loss = -surrogate - config.entropy_coeff * entropy
        if config.use_critic:
            loss = loss + config.vf_loss_coeff * self._value_loss(module, batch, fwd_out, real_B)
        diagnostics = {
            CLIP_FRACTION: clip_fraction,
            KL_PER_CANDIDATE: (old.kl(new) * real_B).sum() / num_decided,
            ENTROPY_PER_CANDIDATE: entropy,
            KEEP_FRACTION: (actions_BK * counts_BK).sum() / num_decided,
        }
        self.metrics.log_dict(diagnostics, key=module_id, window=1)
        return loss

    def _ours(self, name: str) -> Any:
        return self.config.learner_config_dict[name]

    @staticmethod
    def _value_loss(
        module: Any, batch: dict[str, Any], fwd_out: dict[str, Any], real_B: Tensor
    ) -> Tensor:
        value_B = module.compute_values(batch, embeddings=fwd_out[Columns.EMBEDDINGS])
        error_B = (value_B - batch[Postprocessing.VALUE_TARGETS]) ** 2
        return (error_B * real_B).sum() / real_B.sum().clamp(min=1)
