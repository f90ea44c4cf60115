"""The decision problem: choose, batch by batch, which candidates join the training set.

In: a `SelectionProblem` (candidates cut into batches, with descriptors) and a `RewardFn` (a set of
candidates -> its worth). Out: Gymnasium environments. Read `selection.py` first. This package needs
NumPy and Gymnasium alone, so it can be used and tested without images, networks or a cluster.
"""

import gymnasium

from envs.phantom import AdditiveReward, phantom_problem
from envs.selection import SampleSelectionEnv
from envs.types import RewardFn, SelectionProblem
from envs.vector import SampleSelectionVectorEnv

ENV_ID = "rlsel/SampleSelection-v0"

__all__ = [
    "ENV_ID",
    "AdditiveReward",
    "RewardFn",
    "SampleSelectionEnv",
    "SampleSelectionVectorEnv",
    "SelectionProblem",
    "phantom_problem",
]


# Gymnasium 1 has no plug-in tables, so importing `envs` or `rlsel` registers the environment.
# `gymnasium.make("rlsel:rlsel/SampleSelection-v0")` does the import itself.
if ENV_ID not in gymnasium.registry:
    gymnasium.register(id=ENV_ID, entry_point="envs.selection:SampleSelectionEnv")
