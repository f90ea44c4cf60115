"""Features for measurements that do not ask for any."""

import numpy as np

from rlsel.data import SampleSet, Splits
from rlsel.features import Features


def constant_features(splits: Splits, candidates: SampleSet) -> Features:
    """One zero for each sample."""
    of = {name: np.zeros((len(part), 1), np.float32) for name, part in splits.named().items()}
    del of["test"]
    of["candidates"] = np.zeros((len(candidates), 1), np.float32)
    return Features(**of, candidate_logits=np.zeros((len(candidates), 2), np.float32))
