"""Every architecture in small, and what an environment might show it.

Shape letters: B decisions, K candidates per decision, F descriptors, C classes, D decisions.
"""

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from envs import SelectionProblem, phantom_problem
from rlsel.controllers import Controller, KeepRanges, build_controller
from rlsel.controllers.config import GRUConfig, MLPConfig, TransformerConfig

D = 5
CONFIGS: dict[str, Any] = {
    "transformer": TransformerConfig,
    "gru": GRUConfig,
    "gru_attention": GRUConfig,
    "mlp": MLPConfig,
}
SEQUENTIAL = ("gru", "gru_attention")
POSITIONS = ("sinusoidal", "none")


def small_problem(num_classes: int = 2, **changed: Any) -> SelectionProblem:
    """Its sizes are all that a controller takes from it."""
    problem, _ = phantom_problem(np.random.default_rng(0), 23, D, num_classes)
    return SelectionProblem(**vars(problem) | changed)


def controller(
    name: str,
    positions: str = "none",
    problem: SelectionProblem | None = None,
    keep_ranges: KeepRanges | None = None,
    **settings: Any,
) -> Controller:
    """With a policy head large enough that all candidates get logits of their own."""
    config = CONFIGS[name](**{"name": name, "hidden_size": 8, "positions": positions, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = build_controller(config, problem or small_problem(), keep_ranges)
        nn.init.normal_(built.policy_head.weight, std=0.3)
    return built.eval()


def observation(
    seed: int = 0, rows: int = 3, places: int = 11, num_classes: int = 2, padded: bool = True
) -> dict[str, Tensor]:
    """Random; `padded` puts padding anywhere, with rubbish on it."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    valid_BK = torch.ones((rows, places))
    if padded:
        valid_BK = (torch.rand((rows, places), generator=generator) < 0.7).float()
    candidates_BKF = normal(rows, places, 1 + num_classes)
    candidates_BKF[valid_BK == 0] = 1e3
    decision_B = torch.randint(D, (rows,), generator=generator)
    return {
        "candidates": candidates_BKF,
        "labels": torch.randint(num_classes, (rows, places), generator=generator).float(),
        "valid": valid_BK,
        "decision": torch.eye(D)[decision_B],
        "kept": normal(rows, num_classes + 1 + num_classes),
    }


def actions(seed: int, seen: dict[str, Tensor]) -> Tensor:
    """Coins; on padding too, where they must not matter."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(seen["valid"].shape, generator=generator) < 0.5).to(torch.int8)


def all_masks(num_candidates: int) -> Tensor:
    return torch.tensor(list(itertools.product([0, 1], repeat=num_candidates)), dtype=torch.int8)


def repeated(seen: dict[str, Tensor], times: int) -> dict[str, Tensor]:
    """The only row, so many times."""
    return {name: values.expand(times, *values.shape[1:]) for name, values in seen.items()}


def mask_probabilities(keep_BK: Tensor, actions_BK: Tensor) -> Tensor:
    distribution = torch.distributions.Bernoulli(logits=keep_BK)
    return distribution.log_prob(actions_BK.float()).sum(1).exp()


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
