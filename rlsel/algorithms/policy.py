"""Keep probabilities of a controller, and the selections that follow from them.

Shape letters: N candidates, M candidates of a shard, P passes, K places in a batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from envs import SelectionProblem
from envs.episodes import Episodes
from rlsel.controllers import Controller, KeepRanges
from rlsel.metrics import by_rank


@torch.no_grad()
def keep_probabilities(
    controller: Controller,
    problem: SelectionProblem,
    seed: int,
    num_passes: int = 8,
    shards: Sequence[int] | None = None,
) -> Float[np.ndarray, " m"]:
    """Probability that each candidate is kept, averaged over sampled episodes.

    The controller sees what was kept before, so a probability depends on earlier actions. These are
    sampled as in training. No reward is asked for. The same controller and seed give the same
    probabilities.

    Args:
        shards: The shards whose candidates are asked about; None means all.

    Returns:
        A probability for each candidate of these shards, in the order of the pool.
    """
    generator = torch.Generator().manual_seed(seed)
    episodes = Episodes(problem, _no_reward, num_passes)
    total_N = np.full(problem.num_candidates, np.nan)
    for shard in range(problem.num_shards) if shards is None else shards:
        episodes.shard = shard
        observation = episodes.reset()
        for places_K in problem.batches_of(shard):
            seen = {name: torch.from_numpy(values) for name, values in observation.items()}
            actions_PK, logits_PK = controller.sample(seen, generator)
            real_K = places_K >= 0
            total_N[places_K[real_K]] = torch.sigmoid(logits_PK).sum(0).numpy()[real_K]
            observation, _, _ = episodes.step(actions_PK.numpy())
    return total_N[~np.isnan(total_N)] / num_passes


def keep_most_probable(
    probability_N: Float[np.ndarray, " n"], keep_fraction: float | None = None
) -> Bool[np.ndarray, " n"]:
    """Keep the most probable candidates: `keep_fraction` of the pool, or as many as expected.

    Without a fraction the controller sets the number: the sum of its probabilities is the number
    that it keeps on average. Candidates are chosen by rank, so only the order of the probabilities
    decides which candidates are kept.
    """
    expected = probability_N.sum() if keep_fraction is None else keep_fraction * len(probability_N)
    mask_N = np.zeros(len(probability_N), dtype=bool)
    mask_N[by_rank(probability_N)[: round(float(expected))]] = True
    return mask_N


def keep_within_ranges(
    probability_N: Float[np.ndarray, " n"], labels_N: Int[np.ndarray, " n"], ranges: KeepRanges
) -> Bool[np.ndarray, " n"]:
    """Keep the most probable candidates of every class.

    The number of a class is the sum of its probabilities, moved into the range of the class and
    rounded.
    """
    mask_N = np.zeros(len(labels_N), dtype=bool)
    for label, (least, greatest) in enumerate(ranges):
        members = np.flatnonzero(labels_N == label)
        if len(members):
            share = float(np.clip(probability_N[members].mean(), least, greatest))
            mask_N[members] = keep_most_probable(probability_N[members], share)
    return mask_N


def _no_reward(kept_N: np.ndarray) -> float:
    return 0.0
