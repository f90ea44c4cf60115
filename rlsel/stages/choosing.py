"""The stage in which every method selects, with as many candidates as the controller keeps."""

import numpy as np

from rlsel.data import Splits
from rlsel.experiment.config import Experiment
from rlsel.pool import Pool
from rlsel.seeding import rng
from rlsel.selectors import SELECTORS, BaselineInputs, Selection
from rlsel.selectors.free import METHOD, FreeSets
from rlsel.selectors.own_rule import own_rule
from rlsel.selectors.peers import PeerInputs
from rlsel.stages.description import Description


def choose(
    experiment: Experiment,
    splits: Splits,
    pool: Pool,
    described: Description,
    learned: Selection | None,
    free: FreeSets | None,
) -> list[Selection]:
    """The selections of all methods, in the order of the final table.

    Args:
        learned: The controller's selection; None if it is not among the methods.
        free: The sets that were tried before learning; None if they were not.

    Raises:
        InputError: a rule of the user is wrong.
    """
    settings = experiment.selection
    budget = learned.num_kept if learned else round((settings.keep_fraction or 0.5) * len(pool))
    peers = PeerInputs.of(
        described.features, splits.train, splits.reward_val, pool.candidates, settings.peers
    )
    num_keep_C = None
    if learned and settings.ranges_of(splits.class_names):
        kept_labels = pool.candidates.labels[learned.kept_N]
        num_keep_C = tuple(np.bincount(kept_labels, minlength=len(splits.class_names)).tolist())
    inputs = BaselineInputs(
        described.table, budget, experiment.evaluation.rounds, pool.useful, peers, num_keep_C
    )
    names = ["real_only", *(m for m in settings.methods if m != "controller")]
    if pool.useful is not None:
        names.append("oracle")
    known = SELECTORS | ({METHOD: lambda *_: free.selection} if free else {})
    selectors = {name: known.get(name) or own_rule(name, experiment.folder) for name in names}
    chosen = [
        select(inputs, rng(experiment.seed, "selector", name)) for name, select in selectors.items()
    ]
    return [*chosen, learned] if learned else chosen
