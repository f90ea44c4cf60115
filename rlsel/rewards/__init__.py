"""The worth of a set of candidates: train on real + kept, then score validation images.

In: a `Workbench` (images, features, settings) and `Job`s (which candidates, which fidelity, seed
and split). Out: `Evaluation`s, each written to the ledger before it is used. Read `workbench.py`
first. `pool.py` spreads the same work over Ray actors, which `broker.py` directs.
"""

from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import Evaluation, Evaluations, Fidelity, Job, Split
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.local import LocalEvaluations
from rlsel.rewards.probe import ProbeConfig
from rlsel.rewards.reward import RewardConfig, SetReward
from rlsel.rewards.workbench import Workbench

__all__ = [
    "Evaluation",
    "Evaluations",
    "Fidelity",
    "FinetuneConfig",
    "Job",
    "Ledger",
    "LocalEvaluations",
    "ProbeConfig",
    "RewardConfig",
    "SetReward",
    "Split",
    "Workbench",
]
