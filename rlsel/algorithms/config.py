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
    """`shared`: all candidates of a decision get its whole advantage; unbiased, and as noisy as
    there are candidates. `ridge`: a ridge regression of rewards on who was kept estimates what each
    candidate adds, and each is paid by its own estimate; costs no evaluation, biased where worths
    do not add up. `factored`: the same, and what the regression does not explain is shared by all;
    what is taken off a candidate's advantage depends on the others alone, so the gradient is
    unbiased up to the regression's having seen this very reward, and has less noise than that of
    `shared` by as much as the regression explains."""
    memory: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of both: weight that what was known keeps from iteration to iteration; 0 knows the present
    one alone, 1 forgets nothing."""
    own: NotNegative = 0.2
    """Of both: how much of a candidate's worth is its own, against what its descriptors tell, as
    a ratio of variances. 0 sees the descriptors alone."""


@config
class AlgorithmConfig:
    """PPO or REINFORCE. The paper gives clip and lr of PPO; the rest is our choice."""

    name: Name = "ppo"
    """`ppo` takes several clipped steps an iteration; `reinforce` a single one on all of it."""
    iterations: Annotated[int, Field(ge=1)] = 12
    """Rounds of rollouts and updates; each asks for episodes x batches evaluations."""
    episodes: Annotated[int, Field(ge=2)] = 16
    """Episodes an iteration, run in parallel."""
    lr: Positive = Field(default=cast(float, None), validate_default=False)
    """Learning rate of Adam at the start; by default 2.5e-4 of PPO (paper) and 2e-3 of REINFORCE,
    which takes one step where PPO takes many."""
    lr_end: NotNegative | None = 0.0
    """Learning rate at the end, in a straight line; None keeps `lr`."""
    clip: Positive = 0.2
    """Epsilon of PPO's clipped ratio (paper: 0.2)."""
    ratio: Ratio = "per_candidate"
    """Clip the ratio of each candidate's decision, or the joint ratio of the whole mask (paper)."""
    baseline: Baseline = "decision"
    """What the reward is compared with: the mean of the parallel episodes at the same decision;
    the controller's value head (paper); or nothing."""
    credit: CreditConfig = Field(default_factory=CreditConfig)
    """How a reward is shared out among the candidates."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Discount. 0 is the paper's one-step advantage: a decision is paid by its own reward."""
    num_epochs: Annotated[int, Field(ge=1)] = 4
    """PPO's passes over the rollouts of an iteration."""
    minibatch_size: Annotated[int, Field(ge=1)] = 32
    """Decisions a gradient step of PPO."""
    entropy_coeff: NotNegative = 0.0
    """Bonus on the mean entropy of a decision on one candidate, in nats."""
    weight_decay: NotNegative = 0.0
    """Of AdamW, times the learning rate, at every step."""
    num_env_runners: Annotated[int | None, Field(ge=0)] = None
    """Processes that walk through episodes, one episode each at a time; they cost a tenth of a
    core and must divide `episodes`. None chooses from the number of evaluators; 0 walks through
    them in the main process. Where probes alone pay it is always 0: all episodes in step."""

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
