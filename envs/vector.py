"""`SampleSelectionVectorEnv`: many episodes in step, their sets scored together."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from envs.episodes import Covers, Episodes, Observation, observation_space
from envs.types import RewardFn, SelectionProblem


class SampleSelectionVectorEnv(VectorEnv):
    """Several episodes of `SampleSelectionEnv` in step.

    All episodes are at the same decision, so a step asks for the scores of all their sets together,
    by `reward_fn.many(masks)` if there is such a method. All episodes end together. The step after
    the last decision starts new episodes: it ignores the actions, and its reward is 0.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 (gymnasium's own)

    def __init__(
        self,
        problem: SelectionProblem,
        reward_fn: RewardFn,
        num_envs: int = 1,
        covers: Covers = "decision",
        alpha: float = 0.0,
    ) -> None:
        """Settings are those of `SampleSelectionEnv`; each place has its own smoothed reward."""
        self.num_envs = num_envs
        self.episodes = Episodes(problem, reward_fn, num_envs, covers, alpha)
        self.single_action_space = spaces.MultiBinary(problem.batch_size)
        self.single_observation_space = observation_space(problem)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        self.episodes.shard = (options or {}).get("shard", self.episodes.shard)
        return self.episodes.reset(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        never_P = np.zeros(self.num_envs, dtype=bool)
        if self.episodes.are_over:
            return self.episodes.reset(), np.zeros(self.num_envs), never_P, never_P, {}
        observation, reward_P, info = self.episodes.step(actions)
        over_P = np.full(self.num_envs, self.episodes.are_over)
        told = info | {
            f"_{name}": ~never_P for name in info
        }  # Gymnasium's mask: the info is there for every environment
        return observation, reward_P, over_P, never_P, told
