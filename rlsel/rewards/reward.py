"""From evaluations to the reward of the controller."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from envs.episodes import Covers
from rlsel.metrics import Metric
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import LADDER, Evaluations, Fidelity, Job, Split
from rlsel.rewards.probe import ProbeConfig
from rlsel.schema import config
from rlsel.seeding import derive_seed


@config
class RewardConfig:
    """The reward of the controller. The paper has: full, accuracy, kept, alpha 0.8."""

    fidelity: Fidelity = "probe"
    """How a set of candidates is evaluated. `full` trains a ResNet34 (paper), `finetune` goes on
    training the last stages of the extractor, `probe` refits a logistic head on frozen features."""
    final_fidelity: Fidelity | None = None
    """Compares the three best checkpoints once more, on selection-val, when learning has ended;
    None leaves the choice to `fidelity`."""
    metric: Metric = "auc"
    """Metric on reward-val: `accuracy` (paper), `auc`, or `log_loss` after recalibration. AUC and
    log-loss rank sets alike, and better than accuracy does (docs/benchmarks/reward_fidelity.md)."""
    repeats: Annotated[int, Field(ge=1)] = 1
    """Trainings of which an evaluation is the mean. Each has a seed of its own, and all sets have
    the same seeds. The ledger holds every training, so the standard error of every evaluation is
    known. A probe is never repeated."""
    covers: Covers = "decision"
    """Which candidates a decision is rewarded for. `decision`: those that it keeps. `contrast`: the
    same, less the worth of those that it discards, which is a second evaluation. `gain`: what
    they add to those kept before. `kept`: all kept so far (paper). docs/decisions.md has the
    bias and the cost of each."""
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Weight of earlier rewards in the smoothed reward (Eq. 5 of the paper, which has 0.8). The
    smoothing continues from one episode to the next. 0 smooths nothing."""
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
        """Whether episodes ask the evaluators for rewards; probes are solved in the driver.

        The final judge does not count, since it is asked only a few times.
        """
        return self.fidelity != "probe"


@dataclass(frozen=True)
class SetReward:
    """The environment's `RewardFn`: the worth of a set of candidates on one split.

    Every set is trained with the same seeds, so that differences come from the sets.
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
        """The worth of each set, its mean over repeats. All trainings are asked for together."""
        seeds = repeated_seeds(self.seed, self.repeats)
        jobs = [self.job(mask_N, seed) for mask_N in masks_MN for seed in seeds]
        scores = [found.best(self.metric) for found in self.evaluations.many(jobs)]
        return np.array(scores).reshape(len(masks_MN), self.repeats).mean(axis=1)

    def job(self, kept_N: Bool[np.ndarray, " n"], seed: int) -> Job:
        """One training of a set."""
        return Job(kept_N, self.fidelity, seed, self.split, (self.metric,))


def repeated_seeds(seed: int, num: int) -> list[int]:
    """The seed itself, and others derived from it."""
    return [seed, *(derive_seed(seed, "repeat", number) for number in range(1, num))]
