"""The stage that tries what is free, before anything is learned."""

import numpy as np

from rlsel.experiment.config import Experiment
from rlsel.machine.progress import progress_bar
from rlsel.rewards import Fidelity, SetReward, Split
from rlsel.rewards.pool import EvaluationPool
from rlsel.seeding import derive_seed
from rlsel.selectors.free import METHOD, FreeSets, free_sets
from rlsel.stages.description import Description

MOST_CANDIDATES = 2**17
"""Candidates up to which sets are tried though no method asks for the best of them. Their number
does not grow with the pool, but the time of each does."""
SETS_AT_ONCE = 16
PROBE: Fidelity = "probe"


def try_free_sets(
    experiment: Experiment,
    described: Description,
    class_names: tuple[str, ...],
    pool: EvaluationPool,
) -> FreeSets | None:
    """Evaluate all free sets by a probe on reward-val and selection-val.

    Returns:
        None if the pool is so large that this takes long, and `free` is not among the methods.
    """
    table, settings = described.table, experiment.selection
    if METHOD not in settings.methods and len(table.labels) > MOST_CANDIDATES:
        return None
    scores = table.free_scores
    sets = free_sets(scores, table.labels, settings.shares_of(class_names))
    masks_SN = np.stack([one.kept_N for one in sets])

    def worth(split: Split) -> np.ndarray:
        reward = SetReward(
            pool.here,
            PROBE,
            experiment.reward.metric,
            derive_seed(experiment.seed, "reward"),
            split,
        )
        found = []
        with progress_bar(f"free sets on {split}", len(sets), after_s=5.0) as bar:
            for start in range(0, len(sets), SETS_AT_ONCE):
                found.append(reward.many(masks_SN[start : start + SETS_AT_ONCE]))
                bar.advance(len(found[-1]))
        return np.concatenate(found)

    return FreeSets(tuple(sets), worth("reward_val"), worth("selection_val"), scores)
