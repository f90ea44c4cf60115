"""The loss that a learner computes, against NumPy; and its settings on their way through a run."""

from typing import Any

import numpy as np
import pytest
import torch
from line import QUICK, TOTAL_STEPS, Line
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from rlsel.algorithms.config import CreditConfig
from rlsel.controllers.config import GRUConfig, MLPConfig, TransformerConfig

pytestmark = pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning")
CONTROLLERS = [
    TransformerConfig(hidden_size=8),
    GRUConfig(hidden_size=8),
    GRUConfig(name="gru_attention", hidden_size=8),
    MLPConfig(hidden_size=8),
]


def moved_logits(batch: dict[str, Any]) -> torch.Tensor:
    """Those of a policy that has moved on, so that some ratios are clipped."""
    old_BK = batch[Columns.ACTION_DIST_INPUTS]
    noise_BK = torch.randn(old_BK.shape, generator=torch.Generator().manual_seed(0))
    return old_BK + 0.8 * noise_BK * batch[Columns.OBS]["valid"]


def log_probabilities(logits_BK: torch.Tensor, batch: dict[str, Any]) -> np.ndarray:
    """Of each decision, with 0 on padding."""
    p_BK = 1 / (1 + np.exp(-logits_BK.double().numpy().clip(-50, 50)))
    kept_BK = batch[Columns.ACTIONS].numpy() == 1
    return np.log(np.where(kept_BK, p_BK, 1 - p_BK)) * batch[Columns.OBS]["valid"].numpy()


def entropy(logits_BK: torch.Tensor, valid_BK: np.ndarray) -> float:
    p_BK = 1 / (1 + np.exp(-logits_BK.double().numpy().clip(-50, 50)))
    terms_BK = -p_BK * np.log(p_BK) - (1 - p_BK) * np.log(1 - p_BK)
    return float(terms_BK[valid_BK == 1].mean())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ratio": "joint"},
        {"clip": 0.5},
        {"entropy_coeff": 0.3},
        {"baseline": "value"},
        {"credit": CreditConfig(name="ridge")},
        {"name": "reinforce"},
        {"name": "reinforce", "baseline": "none", "entropy_coeff": 0.3},
        {"name": "reinforce", "credit": CreditConfig(name="ridge")},
    ],
    ids=str,
)
def test_the_loss_is_that_of_numpy(settings: dict[str, Any]) -> None:
    line = Line(**settings)
    batch = line.batch()
    logits_BK, advantage_BX = moved_logits(batch), batch[Postprocessing.ADVANTAGES].numpy()
    valid_BK = batch[Columns.OBS]["valid"].numpy()

    loss = line.loss(batch, **{Columns.ACTION_DIST_INPUTS: logits_BK})

    new_BK = log_probabilities(logits_BK, batch)
    ratio_BX = np.exp(new_BK - log_probabilities(batch[Columns.ACTION_DIST_INPUTS], batch))
    if settings.get("ratio") == "joint":
        ratio_BX, counts_BX = ratio_BX.prod(1, keepdims=True), np.ones((len(valid_BK), 1))
    else:
        counts_BX = valid_BK
    clip = settings.get("clip", 0.2)
    gain_BX = np.minimum(advantage_BX * ratio_BX, advantage_BX * ratio_BX.clip(1 - clip, 1 + clip))
    if settings.get("name") == "reinforce":
        gain_BX = advantage_BX * new_BK
    else:
        assert (np.abs(ratio_BX - 1) > clip).mean() > 0.1, "nothing would be shown"
    expected = -(gain_BX * counts_BX).sum() / counts_BX.sum()
    expected -= settings.get("entropy_coeff", 0.0) * entropy(logits_BK, valid_BK)
    if settings.get("baseline") == "value":
        values_B = line.module.compute_values(batch).detach().numpy()
        error_B = values_B - batch[Postprocessing.VALUE_TARGETS].numpy()
        expected += 0.5 * np.mean(error_B**2)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("controller", "credit"),
    [
        *((controller, "shared") for controller in CONTROLLERS),
        (CONTROLLERS[0], "ridge"),
        (CONTROLLERS[1], "factored"),
    ],
    ids=str,
)
def test_the_gradient_of_reinforce_is_that_of_ppos_first_step(controller: Any, credit: Any) -> None:
    gradients = []
    for name in ("ppo", "reinforce"):
        line = Line(controller=controller, name=name, credit=CreditConfig(name=credit))
        line.loss(line.batch()).backward()
        gradients.append({n: p.grad for n, p in line.module.named_parameters()})

    of_ppo, of_reinforce = gradients
    for name, gradient in of_ppo.items():
        torch.testing.assert_close(gradient, of_reinforce[name], rtol=1e-4, atol=1e-6)
    assert of_ppo["controller.policy_head.weight"].any()


@pytest.mark.parametrize("name", ["ppo", "reinforce"])
def test_the_learning_rate_goes_from_start_to_end_in_a_straight_line(name: str) -> None:
    line = Line(name=name, lr=0.02, lr_end=0.01)
    optimizer = line.learner.get_optimizers_for_module("default_policy")[0][1]
    rates = [float(optimizer.param_groups[0]["lr"])]

    for done in (TOTAL_STEPS // 2, TOTAL_STEPS):
        line.update(done)
        rates.append(float(optimizer.param_groups[0]["lr"]))

    assert rates == pytest.approx([0.02, 0.015, 0.01])


def test_an_entropy_bonus_pulls_towards_one_half() -> None:
    fast: dict[str, Any] = QUICK | {"lr": 0.03}
    without, with_bonus = Line(**fast, entropy_coeff=0.0), Line(**fast, entropy_coeff=100.0)

    entropies = [
        float([one.update() for _ in range(5)][-1]["entropy_per_candidate"])
        for one in (without, with_bonus)
    ]

    assert entropies[0] < entropies[1]
