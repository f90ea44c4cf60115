"""Settings of the learning algorithm."""

from typing import Annotated, Literal, cast

from pydantic import Field

from rlsel.schema import config

Name = Literal["ppo", "reinforce"]
Ratio = Literal["per_candidate", "joint"]
Baseline = Literal["decision", "value", "none"]
CreditName = Literal["shared", "ridge", "factored"]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
LR: dict[Name, float] = {"ppo": 2.5e-4, "reinforce": 2e-3}
OF_PPO_ALONE = ("clip", "ratio", "num_epochs", "minibatch_size")


@config
class CreditConfig:
    """How the reward of a decision is shared out among its candidates."""

    name: CreditName = "shared"
    """`shared`: every candidate of a decision gets the decision's whole advantage. This is
    unbiased, and its noise grows with the number of candidates. `ridge`: a ridge regression of the
    rewards on the kept candidates estimates what each candidate adds, and each candidate is paid
    its own estimate. This needs no more evaluations, and it is biased if worths do not add up.
    `factored`: as `ridge`, and all candidates share the part of the reward that the regression
    leaves unexplained. The baseline of a candidate depends on the other candidates alone, so the
    gradient is unbiased but for one effect: the regression has seen the reward that it explains."""
    memory: Annotated[float, Field(ge=0, le=1)] = 1.0
    """For `ridge` and `factored`: weight of earlier iterations, which is multiplied by this number
    at each iteration. 0 uses the present iteration alone, 1 forgets nothing."""
    own: NotNegative = 0.2
    """For `ridge` and `factored`: variance of a candidate's own part of its worth, relative to the
    part that its descriptors explain. 0 uses the descriptors alone."""


@config
class AlgorithmConfig:
    """PPO or REINFORCE. The paper gives `clip` and `lr` of PPO; the other values are our choice."""

    name: Name = "ppo"
    """`ppo` takes several clipped steps an iteration, `reinforce` one step on all decisions."""
    iterations: Annotated[int, Field(ge=1)] = 12
    """Rounds of rollouts and updates; each takes `episodes` x `features.num_batches` decisions."""
    episodes: Annotated[int, Field(ge=2)] = 16
    """Episodes of an iteration, which run in parallel."""
    lr: Positive = Field(default=cast(float, None), validate_default=False)
    """Learning rate of Adam at the start. The default is 2.5e-4 for PPO (paper) and 2e-3 for
    REINFORCE, which takes one step an iteration where PPO takes many."""
    lr_end: NotNegative | None = 0.0
    """Learning rate at the end; the rate changes linearly. None keeps `lr`."""
    clip: Positive = 0.2
    """Epsilon of PPO's clipped ratio (paper: 0.2)."""
    ratio: Ratio = "per_candidate"
    """Whether PPO clips the ratio of each candidate's decision, or the joint ratio of the whole
    mask (paper)."""
    baseline: Baseline = "decision"
    """What is subtracted from a reward: `decision`, the mean of the parallel episodes at the same
    decision; `value`, the output of the controller's value head (paper); or `none`, nothing."""
    credit: CreditConfig = Field(default_factory=CreditConfig)
    """How a reward is shared out among the candidates."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Discount. 0 is the paper's one-step advantage: a decision is paid its own reward alone."""
    num_epochs: Annotated[int, Field(ge=1)] = 4
    """Passes of PPO over the rollouts of an iteration."""
    minibatch_size: Annotated[int, Field(ge=1)] = 32
    """Decisions in a gradient step of PPO."""
    entropy_coeff: NotNegative = 0.0
    """Weight of a bonus: the mean entropy of one candidate's decision, in nats."""
    weight_decay: NotNegative = 0.0
    """Weight decay of AdamW. Every step subtracts this share of the weights, times the rate."""
    num_env_runners: Annotated[int | None, Field(ge=0)] = None
    """Processes that play the episodes, each one episode at a time. A process uses about a tenth
    of a core. The number must divide `episodes`. None chooses it by the number of evaluators; 0
    plays all episodes in the main process, as is always done with `reward.fidelity: probe`."""

    def __post_init__(self) -> None:
        if self.lr is None:
            object.__setattr__(self, "lr", LR[self.name])
        if self.num_env_runners and self.episodes % self.num_env_runners:
            raise ValueError(
                f"num_env_runners is {self.num_env_runners}; it must divide episodes, "
                f"{self.episodes}"
            )
        if self.credit.name != "shared":
            self._require_decisions_paid_by_candidate()
        if self.name == "reinforce":
            self._require_nothing_of_ppo()

    def _require_decisions_paid_by_candidate(self) -> None:
        what = f"credit.name {self.credit.name}"
        if self.ratio == "joint":
            raise ValueError(f"{what} pays each candidate by itself: set ratio: per_candidate")
        if self.gamma:
            raise ValueError(f"{what} explains the reward of one decision: set gamma: 0")

    def _require_nothing_of_ppo(self) -> None:
        for name in OF_PPO_ALONE:
            if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise ValueError(f"{name} is of ppo alone; leave it out with reinforce")
