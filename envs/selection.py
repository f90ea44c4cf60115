"""`SampleSelectionEnv`: one episode walks through all batches of the pool and decides each once."""

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Bool, Float32, Int8

from envs.phantom import phantom_problem
from envs.types import RewardFn, SelectionProblem

Observation = dict[str, np.ndarray]
Covers = Literal["decision", "gain", "kept"]
SmoothingScope = Literal["run", "episode"]


class SampleSelectionEnv(gymnasium.Env[Observation, Int8[np.ndarray, " k"]]):
    """Keep or discard every candidate of a batch; what is kept stays for the rest of the episode.

    An episode has one decision per batch (the paper: 8), in the order of the batches. Shapes: K
    places in a batch, F descriptors, C classes, D decisions.

    Observation (all float32):
        candidates: (K, F) descriptors of the batch, zero on padding.
        valid: (K,) 1 where a place holds a candidate, 0 on padding.
        decision: (D,) one-hot, which decision this is.
        kept: (C + F,) what was kept so far: per class the kept share of the pool's candidates of
            that class, then the mean descriptor of the kept ones (zero while nothing is kept).

    Action:
        MultiBinary(K), 1 = keep. What stands on padding is ignored.

    Reward:
        `reward_fn` of the set that `covers` names, smoothed as in Eq. 5 of the paper:
        q_1 = r_1, q_t = alpha q_(t-1) + (1 - alpha) r_t. With `alpha` 0 it is the raw score.

    Info: `kept` (how many so far), `score` (the last value of `reward_fn`, unsmoothed).

    Source: Ye et al. 2020, sections 2.1 and 2.2. Departures: the paper covers all kept so far with
    alpha 0.8; `covers="decision"` and alpha 0 are the defaults because they learn faster.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium declares it so)

    def __init__(
        self,
        problem: SelectionProblem | None = None,
        reward_fn: RewardFn | None = None,
        covers: Covers = "decision",
        alpha: float = 0.0,
        smoothing_scope: SmoothingScope = "run",
    ) -> None:
        """Make the environment; without arguments it is a small phantom with a known answer.

        Args:
            problem: The pool cut into batches. Goes together with `reward_fn`.
            reward_fn: Worth of a set of candidates, higher is better.
            covers: What a reward is paid for: this `decision`'s kept candidates alone, the `gain`
                of adding them to those kept before, or all `kept` so far (the paper).
            alpha: Weight of the past in the smoothed reward, in [0, 1); the paper has 0.8.
            smoothing_scope: Whether the smoothing runs on over the episodes of a `run` or starts
                afresh with every `episode`.

        Raises:
            ValueError: only one of `problem` and `reward_fn` is given, or a setting is unknown.
        """
        if (problem is None) != (reward_fn is None):
            raise ValueError("problem and reward_fn go together: give both or neither")
        if problem is None or reward_fn is None:
            problem, reward_fn = phantom_problem(np.random.default_rng(0))
        if covers not in ("decision", "gain", "kept"):
            raise ValueError(f"covers is {covers!r}; known are decision, gain, kept")
        if smoothing_scope not in ("run", "episode"):
            raise ValueError(f"smoothing_scope is {smoothing_scope!r}; known are run, episode")
        if not 0.0 <= alpha < 1.0:
            raise ValueError(f"alpha is {alpha}; it must lie in [0, 1)")
        self.problem, self.reward_fn = problem, reward_fn
        self.covers, self.alpha, self.smoothing_scope = covers, alpha, smoothing_scope
        self.smoothed: float | None = None
        self._kept_N = np.zeros(problem.num_candidates, dtype=bool)
        self._decision = 0
        self._pool_per_class_C = np.bincount(problem.labels_N, minlength=problem.num_classes)
        self.action_space = spaces.MultiBinary(problem.batch_size)
        self.observation_space = _observation_space(problem)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._kept_N = np.zeros(self.problem.num_candidates, dtype=bool)
        self._decision = 0
        if self.smoothing_scope == "episode":
            self.smoothed = None
        return self._observe(), {"kept": 0}

    def step(
        self, action: Int8[np.ndarray, " k"]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        before_N, chosen_N = self._kept_N, self.mask_of(action)
        self._kept_N = before_N | chosen_N
        score = self._score(before_N, chosen_N)
        self._decision += 1
        terminated = self._decision == self.problem.num_decisions
        info = {"kept": int(self._kept_N.sum()), "score": score}
        return self._observe(), self._smooth(score), terminated, False, info

    @property
    def kept_N(self) -> Bool[np.ndarray, " n"]:
        """The candidates kept so far in this episode, as a mask over the pool."""
        return self._kept_N.copy()

    def mask_of(self, action: np.ndarray) -> Bool[np.ndarray, " n"]:
        """The candidates of the current batch that `action` keeps, as a mask over the pool."""
        places_K = self.problem.batches_DK[self._decision]
        mask_N = np.zeros(self.problem.num_candidates, dtype=bool)
        mask_N[places_K[(places_K >= 0) & (np.asarray(action) == 1)]] = True
        return mask_N

    def _score(self, before_N: np.ndarray, chosen_N: np.ndarray) -> float:
        if self.covers == "decision":
            return self.reward_fn(chosen_N)
        now = self.reward_fn(before_N | chosen_N)
        return now - self.reward_fn(before_N) if self.covers == "gain" else now

    def _smooth(self, score: float) -> float:
        past = score if self.smoothed is None else self.smoothed
        self.smoothed = self.alpha * past + (1.0 - self.alpha) * score
        return self.smoothed

    def _observe(self) -> Observation:
        # After the last decision there is no batch left; the terminal observation repeats the last.
        decision = min(self._decision, self.problem.num_decisions - 1)
        places_K = self.problem.batches_DK[decision]
        valid_K = places_K >= 0
        candidates_KF = self.problem.descriptors_NF[places_K] * valid_K[:, None]
        return {
            "candidates": candidates_KF.astype(np.float32),
            "valid": valid_K.astype(np.float32),
            "decision": np.eye(self.problem.num_decisions, dtype=np.float32)[decision],
            "kept": self._describe_kept(),
        }

    def _describe_kept(self) -> Float32[np.ndarray, " c_plus_f"]:
        kept_per_class_C = np.bincount(
            self.problem.labels_N[self._kept_N], minlength=self.problem.num_classes
        )
        share_C = kept_per_class_C / np.maximum(self._pool_per_class_C, 1)
        kept_NF = self.problem.descriptors_NF[self._kept_N]
        mean_F = kept_NF.mean(axis=0) if len(kept_NF) else np.zeros(kept_NF.shape[1])
        return np.concatenate((share_C, mean_F)).astype(np.float32)


def _observation_space(problem: SelectionProblem) -> spaces.Dict:
    places, width = problem.batch_size, problem.descriptors_NF.shape[1]
    # A mean of descriptors lies within the descriptors' own range, so one bound serves both, up to
    # rounding.
    bound = 1.001 * max(1.0, float(np.abs(problem.descriptors_NF).max()))
    return spaces.Dict(
        {
            "candidates": spaces.Box(-bound, bound, (places, width), np.float32),
            "valid": spaces.Box(0.0, 1.0, (places,), np.float32),
            "decision": spaces.Box(0.0, 1.0, (problem.num_decisions,), np.float32),
            "kept": spaces.Box(-bound, bound, (problem.num_classes + width,), np.float32),
        }
    )
