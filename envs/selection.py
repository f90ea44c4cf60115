"""`SampleSelectionEnv`: an episode goes through all batches of the pool and decides each once."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Bool, Int8

from envs.episodes import Covers, Episodes, Observation, first_of, observation_space
from envs.phantom import phantom_problem
from envs.types import RewardFn, SelectionProblem


class SampleSelectionEnv(gymnasium.Env[Observation, Int8[np.ndarray, " k"]]):
    """Keep or discard every candidate of a batch; what is kept stays for the rest of the episode.

    An episode has one decision per batch (the paper: 8), in the order of the batches. If the pool
    has several shards, an episode decides the batches of one: `reset(options={"shard": 3})`.
    Shapes: K places in a batch, F descriptors, C classes, D decisions.

    Observation (all float32):
        candidates: (K, F) descriptors of the batch, zero on padding.
        labels: (K,) class number of each candidate, zero on padding.
        valid: (K,) 1 where a place holds a candidate, 0 on padding.
        decision: (D,) one-hot, which decision this is.
        kept: (C + F,) what was kept so far: per class the kept share of the shard's candidates of
            that class, then the mean descriptor of the kept ones (zero while nothing is kept).

    Action:
        MultiBinary(K), 1 = keep. Values on padding are ignored.

    Reward:
        `reward_fn` of the candidates that `covers` names, smoothed as in Eq. 5 of the paper:
        q_1 = r_1, q_t = alpha q_(t-1) + (1 - alpha) r_t. The number t counts decisions over all
        episodes. With `alpha` 0 the reward is the raw score.

        | `covers` | score of a decision | evaluations | bias |
        | --- | --- | ---: | --- |
        | `decision` | worth of what this batch keeps | 1 | ignores what earlier batches kept |
        | `contrast` | worth of what this batch keeps, less that of what it discards | 2 | none if
            worths add up; otherwise it also rewards leaving a bad rest |
        | `gain` | worth of all kept so far, less that before this decision | 1 | once a bad batch
            was kept, another one costs little |
        | `kept` | worth of all kept so far (paper) | 1 | rewards a decision for earlier ones |

    Info: `kept` (how many so far), `score` (the last score, not smoothed).

    Source: Ye et al. 2020, sections 2.1 and 2.2. Departures: the paper has `covers="kept"` and
    alpha 0.8; here `covers="decision"` and alpha 0 are the defaults because they learn faster.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium declares it so)

    def __init__(
        self,
        problem: SelectionProblem | None = None,
        reward_fn: RewardFn | None = None,
        covers: Covers = "decision",
        alpha: float = 0.0,
    ) -> None:
        """Make the environment. Without arguments it is a small phantom with a known best answer.

        Args:
            problem: The pool cut into batches; it needs `reward_fn` as well.
            reward_fn: Worth of a set of candidates, higher is better.
            covers: Which candidates a decision is rewarded for; see above.
            alpha: Weight of earlier rewards in the smoothed reward, in [0, 1); the paper has 0.8.

        Raises:
            ValueError: only one of `problem` and `reward_fn` is given, or a setting is unknown.
        """
        if (problem is None) != (reward_fn is None):
            raise ValueError("problem and reward_fn go together: give both or neither")
        if problem is None or reward_fn is None:
            problem, reward_fn = phantom_problem(np.random.default_rng(0))
        self._episodes = Episodes(problem, reward_fn, 1, covers, alpha)
        self.action_space = spaces.MultiBinary(problem.batch_size)
        self.observation_space = observation_space(problem)

    @property
    def problem(self) -> SelectionProblem:
        return self._episodes.problem

    @property
    def kept_N(self) -> Bool[np.ndarray, " n"]:
        """The candidates kept so far in this episode, as a mask over the pool."""
        return self._episodes.kept_PN[0].copy()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._episodes.shard = (options or {}).get("shard", self._episodes.shard)
        return first_of(self._episodes.reset()), {"kept": 0}

    def step(
        self, action: Int8[np.ndarray, " k"]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        observation, reward_P, info = self._episodes.step(np.asarray(action)[None])
        told = {"kept": int(info["kept"][0]), "score": float(info["score"][0])}
        over = self._episodes.are_over
        return first_of(observation), float(reward_P[0]), over, False, told
