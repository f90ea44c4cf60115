"""From evaluations to the number the controller is paid."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from envs.episodes import Covers
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import LADDER, Evaluations, Fidelity, Job, Metric, Split
from rlsel.rewards.probe import ProbeConfig
from rlsel.schema import config
from rlsel.seeding import derive_seed


@config
class RewardConfig:
    """What the controller is paid for. The paper: full, accuracy, kept, alpha 0.8."""

    fidelity: Fidelity = "probe"
    """`full` trains a ResNet34 (paper); `finetune` trains the last stages of the extractor on;
    `probe` refits a logistic head on frozen features."""
    final_fidelity: Fidelity | None = None
    """Compares the three best checkpoints once more, on selection-val, when learning has ended;
    None leaves the choice to `fidelity`."""
    metric: Metric = "auc"
    """On reward-val: `accuracy` (paper), `auc`, or `log_loss` after recalibration. AUC and log-loss
    rank sets alike and better than accuracy does (docs/benchmarks.md)."""
    repeats: Annotated[int, Field(ge=1)] = 1
    """Trainings an evaluation is the mean of, each with a seed of its own, the same for all sets.
    The ledger holds them one by one, so the standard error of every evaluation is known. A probe
    is never repeated."""
    covers: Covers = "decision"
    """This `decision`'s candidates alone; their `contrast` to those discarded, which is a second
    set; the `gain` of adding them; or all `kept` (paper). Bias and cost: docs/architecture.md."""
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Weight of the past in the smoothed reward, which runs on over episodes, as the paper's t
    counts decisions; 0 is raw, the paper has 0.8."""
    probe: ProbeConfig = Field(default_factory=ProbeConfig)
    """The head of the probe fidelity."""
    finetune: FinetuneConfig = Field(default_factory=FinetuneConfig)
    """The training of the finetune fidelity."""

    def __post_init__(self) -> None:
        if self.repeats > 1 and self.fidelities == ("probe",):
            raise ValueError(
                "repeats is above 1, but a probe is the same for every seed: pay by finetune or "
                "full, or leave it at 1"
            )

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """All that a run evaluates by while it learns and chooses, the cheapest first."""
        return tuple(one for one in LADDER if one in (self.fidelity, self.final_fidelity))

    @property
    def needs_evaluators(self) -> bool:
        """Whether a reward is so dear that episodes ask evaluators for it. The final judge does not
        count, since it is asked a few times in all."""
        return self.fidelity != "probe"


@dataclass(frozen=True)
class SetReward:
    """The environment's `RewardFn`: worth of a set of candidates on one split.

    The same seeds for every set, so that sets are compared and not seeds.
    """

    evaluations: Evaluations
    fidelity: Fidelity
    metric: Metric
    seed: int
    split: Split = "reward_val"
    repeats: int = 1

    def __call__(self, kept_N: Bool[np.ndarray, " n"]) -> float:
        return float(self.many(np.asarray(kept_N, dtype=bool)[None])[0])

    def many(self, masks_MN: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """The worths of many sets, means over repeats; all trainings are asked for together."""
        seeds = repeated_seeds(self.seed, self.repeats)
        jobs = [
            Job(mask_N, self.fidelity, seed, self.split) for mask_N in masks_MN for seed in seeds
        ]
        scores = [found.best(self.metric) for found in self.evaluations.many(jobs)]
        return np.array(scores).reshape(len(masks_MN), self.repeats).mean(axis=1)


def repeated_seeds(seed: int, num: int) -> list[int]:
    """The seed itself, and others derived from it."""
    return [seed, *(derive_seed(seed, "repeat", number) for number in range(1, num))]
