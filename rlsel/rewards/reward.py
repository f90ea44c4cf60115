"""From an evaluation to the number the controller is paid."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool
from pydantic import Field

from envs.selection import Covers, SmoothingScope
from rlsel.rewards.jobs import Evaluations, Fidelity, Job, Metric, Split
from rlsel.rewards.probe import ProbeConfig
from rlsel.schema import config


@config
class RewardConfig:
    """What the controller is paid for. The paper: full, accuracy, kept, alpha 0.8."""

    fidelity: Fidelity = "probe"
    """`full` trains a ResNet34 (paper); `probe` refits a logistic head on frozen features."""
    metric: Metric = "auc"
    """On reward-val: `accuracy` (paper), `auc`, or `log_loss` after recalibration. The two that
    are free of calibration learn faster (METHOD: 2 to 4 times)."""
    covers: Covers = "decision"
    """This `decision`'s candidates alone, the `gain` of adding them, or all `kept` (paper)."""
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Weight of the past in the smoothed reward; 0 is raw, the paper has 0.8."""
    smoothing_scope: SmoothingScope = "run"
    """Whether smoothing runs on over episodes (the paper's t counts decisions)."""
    probe: ProbeConfig = ProbeConfig()
    """The head of the probe fidelity."""


@dataclass(frozen=True)
class SetReward:
    """The environment's `RewardFn`: worth of a set of candidates on one split.

    The same seed for every set, so that sets are compared and not seeds.
    """

    evaluations: Evaluations
    fidelity: Fidelity
    metric: Metric
    seed: int
    split: Split = "reward_val"

    def __call__(self, kept_N: Bool[np.ndarray, " n"]) -> float:
        job = Job(np.asarray(kept_N, dtype=bool), self.fidelity, self.seed, self.split)
        return self.evaluations.one(job).best(self.metric)
