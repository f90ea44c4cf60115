"""Settings of the learning algorithm."""

from typing import Annotated, Literal

from pydantic import Field

from rlsel.schema import config

Ratio = Literal["per_candidate", "joint"]
Baseline = Literal["decision", "value"]


@config
class AlgorithmConfig:
    """PPO. The paper gives clip and lr; the rest is our choice."""

    name: Literal["ppo"] = "ppo"
    """The algorithm."""
    iterations: Annotated[int, Field(ge=1)] = 12
    """Rounds of rollouts and updates; each asks for episodes x batches evaluations."""
    episodes: Annotated[int, Field(ge=2)] = 16
    """Episodes an iteration, run in parallel."""
    lr: Annotated[float, Field(gt=0)] = 2.5e-4
    """Learning rate of Adam at the start (paper: 2.5e-4)."""
    lr_decay: bool = True
    """Lower `lr` linearly to nothing: quality falls again where it stays (METHOD.md)."""
    clip: Annotated[float, Field(gt=0)] = 0.2
    """Epsilon of the clipped ratio (paper: 0.2)."""
    ratio: Ratio = "per_candidate"
    """Clip the ratio of each candidate's decision, or the joint ratio of the whole mask (paper);
    a joint ratio of hundreds of decisions leaves the clip range at once."""
    baseline: Baseline = "decision"
    """What the reward is compared with: the mean of the parallel episodes at the same decision,
    or the controller's value head (paper), which needs thousands of evaluations to be of use."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Discount. 0 is the paper's one-step advantage: a decision is paid by its own reward."""
    num_epochs: Annotated[int, Field(ge=1)] = 4
    """Passes over the rollouts of an iteration."""
    minibatch_size: Annotated[int, Field(ge=1)] = 32
    """Decisions a gradient step."""
    entropy_coeff: Annotated[float, Field(ge=0)] = 0.0
    """Bonus on the mean entropy of a decision on one candidate, in nats."""
    value_coeff: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the value loss; only with `baseline: value`."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 0.5
    """Gradients are scaled down to this norm."""
    num_env_runners: Annotated[int | None, Field(ge=0)] = None
    """Processes that walk through episodes, one episode each at a time; they cost a tenth of a
    core and must divide `episodes`. None chooses from the number of evaluators; 0 walks through
    them one by one in the main process."""

    def __post_init__(self) -> None:
        if self.num_env_runners and self.episodes % self.num_env_runners:
            raise ValueError(
                f"num_env_runners is {self.num_env_runners}; it must divide episodes, "
                f"{self.episodes}"
            )
