"""`Episodes`: the rules of an episode, for any number of episodes side by side.

Both environments use it: `selection.py` plays one episode, `vector.py` many in step.

Shape letters: P episodes, N candidates, M candidates of the shard, K places in a batch,
F descriptors, C classes, D decisions.
"""

from typing import Literal, get_args

import numpy as np
from gymnasium import spaces
from jaxtyping import Bool, Float

from envs.types import RewardFn, SelectionProblem, score_all

Observation = dict[str, np.ndarray]
Covers = Literal["decision", "gain", "kept", "contrast"]
SETS_PER_DECISION: dict[Covers, int] = {"decision": 1, "gain": 1, "kept": 1, "contrast": 2}
"""Evaluations for a reward. A gain takes one, since the score of the sets before is known."""


class Episodes:
    """Several episodes on one problem, all at the same decision.

    `SampleSelectionEnv` describes observations, actions and rewards.
    """

    def __init__(
        self,
        problem: SelectionProblem,
        reward_fn: RewardFn,
        num_episodes: int = 1,
        covers: Covers = "decision",
        alpha: float = 0.0,
    ) -> None:
        """Check the settings. `reset` starts the episodes.

        Raises:
            ValueError: a setting is unknown or out of range.
        """
        if covers not in get_args(Covers):
            raise ValueError(f"covers is {covers!r}; known are {', '.join(get_args(Covers))}")
        if not 0.0 <= alpha < 1.0:
            raise ValueError(f"alpha is {alpha}; it must lie in [0, 1)")
        self.problem, self.reward_fn, self.num_episodes = problem, reward_fn, num_episodes
        self.covers, self.alpha = covers, alpha
        self.smoothed_P: Float[np.ndarray, " p"] | None = None
        """The smoothed reward. `reset` keeps it, since the paper's t counts all decisions."""
        self.kept_PN = np.zeros((num_episodes, problem.num_candidates), dtype=bool)
        self.shard = 0
        """The shard of the pool that the next `reset` begins."""
        self.decision = 0
        self._worth_P: Float[np.ndarray, " p"] | None = None
        """Score of all candidates kept so far, from which the next gain is computed."""
        self._enter_shard()

    @property
    def are_over(self) -> bool:
        return self.decision == self.problem.num_decisions

    def reset(self) -> Observation:
        self.kept_PN = np.zeros_like(self.kept_PN)
        self.decision = 0
        self._worth_P = None
        if self.shard != self._entered:
            self._enter_shard()
        return self._observe()

    def _enter_shard(self) -> None:
        self._entered = self.shard
        self._batches_DK = self.problem.batches_of(self.shard)
        self._members_M = self.problem.members_of(self.shard)
        self._descriptors_MF = self.problem.descriptors_NF[self._members_M].astype(np.float64)
        self._onehot_MC = np.eye(self.problem.num_classes)[self.problem.labels_N[self._members_M]]
        self._shard_per_class_C = np.maximum(self._onehot_MC.sum(axis=0), 1)

    def step(
        self, actions_PK: np.ndarray
    ) -> tuple[Observation, Float[np.ndarray, " p"], dict[str, np.ndarray]]:
        """Observations, rewards, and the environment's `info`."""
        before_PN, chosen_PN = self.kept_PN, self.masks_of(actions_PK)
        self.kept_PN = before_PN | chosen_PN
        score_P = self._score(before_PN, chosen_PN)
        self.decision += 1
        info = {"kept": self.kept_PN.sum(axis=1), "score": score_P}
        return self._observe(), self._smooth(score_P), info

    def masks_of(self, actions_PK: np.ndarray) -> Bool[np.ndarray, "p n"]:
        """The candidates of the current batch that actions keep, as masks over the pool."""
        places_K = self._batches_DK[self.decision]
        real_K = places_K >= 0
        masks_PN = np.zeros_like(self.kept_PN)
        masks_PN[:, places_K[real_K]] = np.asarray(actions_PK)[:, real_K] == 1
        return masks_PN

    def _score(
        self, before_PN: Bool[np.ndarray, "p n"], chosen_PN: Bool[np.ndarray, "p n"]
    ) -> Float[np.ndarray, " p"]:
        if self.covers == "decision":
            return score_all(self.reward_fn, chosen_PN)
        if self.covers == "kept":
            return score_all(self.reward_fn, before_PN | chosen_PN)
        if self.covers == "gain":
            if self._worth_P is None:  # no episode has kept anything yet
                self._worth_P = score_all(self.reward_fn, before_PN[:1])
            worth_before_P, self._worth_P = (
                self._worth_P,
                score_all(self.reward_fn, before_PN | chosen_PN),
            )
            return self._worth_P - worth_before_P
        everybody_PN = self.masks_of(np.ones((self.num_episodes, self.problem.batch_size)))
        # Both are asked for together, so that they can be evaluated in parallel.
        compared = np.concatenate((chosen_PN, everybody_PN & ~chosen_PN))
        both_P = score_all(self.reward_fn, compared)
        return both_P[: self.num_episodes] - both_P[self.num_episodes :]

    def _smooth(self, score_P: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        past_P = score_P if self.smoothed_P is None else self.smoothed_P
        self.smoothed_P = self.alpha * past_P + (1.0 - self.alpha) * score_P
        return self.smoothed_P

    def _observe(self) -> Observation:
        # After the last decision no batch is left, so the terminal observation repeats the last.
        decision = min(self.decision, self.problem.num_decisions - 1)
        places_K = self._batches_DK[decision]
        valid_K = places_K >= 0
        of_all = {
            "candidates": self.problem.descriptors_NF[places_K] * valid_K[:, None],
            "labels": np.where(valid_K, self.problem.labels_N[places_K], 0),
            "valid": valid_K,
            "decision": np.eye(self.problem.num_decisions)[decision],
        }
        observed = {
            name: np.repeat(values[None].astype(np.float32), self.num_episodes, axis=0)
            for name, values in of_all.items()
        }
        return observed | {"kept": self._describe_kept()}

    def _describe_kept(self) -> np.ndarray:
        kept_PM = self.kept_PN[:, self._members_M]
        share_PC = kept_PM @ self._onehot_MC / self._shard_per_class_C
        count_P1 = np.maximum(kept_PM.sum(axis=1, keepdims=True), 1)
        mean_PF = kept_PM @ self._descriptors_MF / count_P1
        shown = ("kept_share" in self.problem.context, "kept_mean" in self.problem.context)
        return np.concatenate((share_PC * shown[0], mean_PF * shown[1]), 1).astype(np.float32)


def observation_space(problem: SelectionProblem) -> spaces.Dict:
    """The observation space of one episode."""
    places, width = problem.batch_size, problem.descriptors_NF.shape[1]
    # A mean of descriptors lies within the range of the descriptors, so one bound serves both. The
    # factor allows for rounding.
    bound = 1.001 * max(1.0, float(np.abs(problem.descriptors_NF).max()))
    return spaces.Dict(
        {
            "candidates": spaces.Box(-bound, bound, (places, width), np.float32),
            "labels": spaces.Box(0.0, problem.num_classes - 1.0, (places,), np.float32),
            "valid": spaces.Box(0.0, 1.0, (places,), np.float32),
            "decision": spaces.Box(0.0, 1.0, (problem.num_decisions,), np.float32),
            "kept": spaces.Box(-bound, bound, (problem.num_classes + width,), np.float32),
        }
    )


def first_of(observation: Observation) -> Observation:
    """The observation of the first episode."""
    return {name: values[0] for name, values in observation.items()}
