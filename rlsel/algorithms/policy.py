"""Reading a controller: what it would keep, without asking for a single reward.

Shape letters: N candidates, P passes, K places in a batch.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from envs import SampleSelectionEnv, SelectionProblem


@torch.no_grad()
def keep_probabilities(
    controller: nn.Module, problem: SelectionProblem, seed: int, num_passes: int = 8
) -> Float[np.ndarray, " n"]:
    """Probability that each candidate is kept, averaged over sampled episodes.

    What was kept before is part of what the controller sees, so a probability depends on earlier
    actions; they are sampled as in training. Same controller and seed, same probabilities.
    """
    generator = torch.Generator().manual_seed(seed)
    passes = [SampleSelectionEnv(problem, _no_reward) for _ in range(num_passes)]
    observations = [env.reset()[0] for env in passes]
    total_N = np.zeros(problem.num_candidates)
    for places_K in problem.batches_DK:
        stacked = {
            name: torch.from_numpy(np.stack([each[name] for each in observations]))
            for name in observations[0]
        }
        context_PG = torch.cat((stacked["decision"], stacked["kept"]), dim=-1)
        logits_PK, _ = controller(stacked["candidates"], stacked["valid"] > 0, context_PG)
        probability_PK = torch.sigmoid(logits_PK)
        actions_PK = torch.bernoulli(probability_PK, generator=generator).to(torch.int8)
        real_K = places_K >= 0
        total_N[places_K[real_K]] += probability_PK.sum(0).numpy()[real_K]
        observations = [
            env.step(action)[0] for env, action in zip(passes, actions_PK.numpy(), strict=True)
        ]
    return total_N / num_passes


def keep_most_probable(
    probability_N: Float[np.ndarray, " n"], keep_fraction: float | None = None
) -> Bool[np.ndarray, " n"]:
    """Keep the most probable candidates: `keep_fraction` of the pool, or as many as expected.

    Without a fraction the controller sets the number itself: the sum of its probabilities is the
    number it keeps on average. The rank decides who, so a policy that is right in order but shifted
    as a whole does no harm. Ties go to the earlier candidate.
    """
    expected = probability_N.sum() if keep_fraction is None else keep_fraction * len(probability_N)
    mask_N = np.zeros(len(probability_N), dtype=bool)
    mask_N[np.argsort(-probability_N, kind="stable")[: round(float(expected))]] = True
    return mask_N


def _no_reward(kept_N: np.ndarray) -> float:
    return 0.0
