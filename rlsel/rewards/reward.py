"""From evaluations to the number the controller is paid."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from envs.selection import Covers, SmoothingScope
from rlsel.rewards.finetune import FinetuneConfig
from rlsel.rewards.jobs import LADDER, Evaluations, Fidelity, Job, Metric, Split
from rlsel.rewards.probe import ProbeConfig
from rlsel.schema import config
from rlsel.seeding import derive_seed


@config
class Climb:
    """One step up the ladder of fidelities."""

    from_iteration: Annotated[int, Field(ge=2)]
    """The first iteration, counted from 1, that is paid by this fidelity."""
    fidelity: Fidelity
    """What pays from there on; each rung has to be dearer than the one before."""


@config
class RewardConfig:
    """What the controller is paid for. The paper: full, accuracy, kept, alpha 0.8."""

    fidelity: Fidelity = "probe"
    """`full` trains a ResNet34 (paper); `finetune` trains the last stages of the extractor on;
    `probe` refits a logistic head on frozen features."""
    climb: tuple[Climb, ...] = ()
    """Dearer fidelities later in the run: the last iterations may be paid by full training.
    A checkpoint is then chosen among those of the last rung."""
    final_fidelity: Fidelity | None = None
    """Compares the best checkpoints once more, on selection-val, when learning has ended; None
    leaves the choice to the fidelity that was learned by."""
    metric: Metric = "auc"
    """On reward-val: `accuracy` (paper), `auc`, or `log_loss` after recalibration. AUC and log-loss
    rank sets alike and better than accuracy does (docs/benchmarks.md)."""
    repeats: Annotated[int, Field(ge=1)] = 1
    """Trainings an evaluation is the mean of, each with a seed of its own, the same for all sets.
    The ledger holds them one by one, so the standard error of every evaluation is known. A probe
    is never repeated."""
    enough: Annotated[float, Field(ge=0)] = 0.0
    """Stop repeating an evaluation, after two, when its standard error is below this share of the
    spread between sets, as the noise floor has it; 0 never stops early."""
    noise_floor_seeds: Annotated[int, Field(ge=0)] = 3
    """Seeds (and sets) by which a run measures, before it learns, how much of a reward is noise;
    0 leaves it out."""
    covers: Covers = "decision"
    """This `decision`'s candidates alone; their `contrast` to those discarded, which is a second
    set; the `gain` of adding them; or all `kept` (paper). Bias and cost: docs/architecture.md."""
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Weight of the past in the smoothed reward; 0 is raw, the paper has 0.8."""
    smoothing_scope: SmoothingScope = "run"
    """Whether smoothing runs on over episodes (the paper's t counts decisions)."""
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
        if self.noise_floor_seeds == 1:
            raise ValueError("noise_floor_seeds is 1, which shows no spread; take 2 or more, or 0")
        if self.enough and not self.noise_floor_seeds:
            raise ValueError(
                "enough is a share of the spread between sets, which noise_floor_seeds: 0 leaves "
                "unmeasured; take 2 or more"
            )
        starts = [rung.from_iteration for rung in self.climb]
        if starts != sorted(set(starts)):
            raise ValueError("climb: each rung must begin at a later iteration than the one before")
        steps = [LADDER.index(fidelity) for _, fidelity in self.rungs]
        if steps != sorted(set(steps)):
            raise ValueError(f"climb: each rung must be dearer than the one before ({LADDER})")

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """All that a run evaluates by while it learns and chooses."""
        used = {self.final_fidelity, *(fidelity for _, fidelity in self.rungs)}
        return tuple(fidelity for fidelity in LADDER if fidelity in used)

    @property
    def needs_evaluators(self) -> bool:
        """Whether rewards are so dear that episodes ask evaluators for them; a final judge does not
        count, who is asked a few times."""
        return {fidelity for _, fidelity in self.rungs} != {"probe"}

    @property
    def rungs(self) -> tuple[tuple[int, Fidelity], ...]:
        """First iteration, counted from 1, and fidelity of each rung."""
        return ((1, self.fidelity), *((rung.from_iteration, rung.fidelity) for rung in self.climb))


@dataclass(frozen=True)
class Measured:
    """An evaluation with its uncertainty."""

    value: float
    standard_error: float
    """Of the mean over repeats; NaN with one repeat."""
    repeats: int


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
    enough: float = 0.0
    """Standard error, in units of the metric, at which repeats stop; 0 takes all of them."""

    def __call__(self, kept_N: Bool[np.ndarray, " n"]) -> float:
        return self.measure(np.asarray(kept_N, dtype=bool)[None])[0].value

    def many(self, masks_MN: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """The worths of many sets, asked for together."""
        return np.array([measured.value for measured in self.measure(masks_MN)])

    def measure(self, masks_MN: Bool[np.ndarray, "m n"]) -> list[Measured]:
        """Means over repeats: at once, or one by one where they may be enough earlier."""
        values: list[list[float]] = [[] for _ in masks_MN]
        seeds = repeated_seeds(self.seed, self.repeats)
        first = 2 if self.enough else self.repeats
        for start, end in ((0, first), *((i, i + 1) for i in range(first, self.repeats))):
            wanted = [
                m for m, known in enumerate(values) if not _standard_error(known) < self.enough
            ]
            asked = [(m, seed) for m in wanted for seed in seeds[start:end]]
            jobs = [Job(masks_MN[m], self.fidelity, seed, self.split) for m, seed in asked]
            for (m, _), found in zip(asked, self.evaluations.many(jobs), strict=True):
                values[m].append(found.best(self.metric))
        return [
            Measured(float(np.mean(of_it)), _standard_error(of_it), len(of_it)) for of_it in values
        ]


def repeated_seeds(seed: int, num: int) -> list[int]:
    """The seed itself, and others derived from it."""
    return [seed, *(derive_seed(seed, "repeat", number) for number in range(1, num))]


def _standard_error(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
