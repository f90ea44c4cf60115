"""What tests put into a ledger."""

import numpy as np

from rlsel.rewards import Evaluation, Fidelity, Job


def evaluation(value: float = 0.75, worker: str = "local") -> Evaluation:
    return Evaluation({"auc": [0.5, value], "log_loss": [-0.7, -0.6]}, 23, 1.5, worker)


def job(fidelity: Fidelity = "probe", seed: int = 3) -> Job:
    return Job(np.arange(61) % 3 == 0, fidelity, seed, "reward_val")
