"""What goes on around RLlib's episodes: random numbers per iteration, counters, smoothing state."""

import itertools
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.util.metrics import Counter

from envs import RewardFn
from envs.episodes import Episodes
from rlsel.seeding import derive_seed

DECISION_REWARDS = "decision_rewards"


class EpisodeWatcher(RLlibCallback):
    """Seeds episodes, collects decisions' rewards, counts both for Ray's dashboard."""

    def __init__(self) -> None:
        super().__init__()
        self._counters: dict[str, Counter] = {}

    def on_episode_step(
        self, *, episode: Any, metrics_logger: Any = None, env_runner: Any, **kwargs: Any
    ) -> None:
        metrics_logger.log_value(DECISION_REWARDS, episode.get_rewards(-1), reduce="item_series")
        self._count("rlsel_decisions", "Decisions taken on a batch", env_runner)

    def on_episode_start(self, *, env_runner: Any, **kwargs: Any) -> None:
        if not hasattr(env_runner, "episode_seeds"):
            # A runner that was lost and is back in mid-iteration; the next one finds it again.
            reseed(secrets.randbits(32), 0, 1)(env_runner)
        seed_everything(next(env_runner.episode_seeds))

    def on_episode_end(self, *, env_runner: Any, **kwargs: Any) -> None:
        self._count("rlsel_episodes", "Episodes finished", env_runner)

    def _count(self, name: str, description: str, env_runner: Any) -> None:
        if not ray.is_initialized():
            return
        if name not in self._counters:
            self._counters[name] = Counter(name, description, tag_keys=("runner",))
        # Tagged by runner, never by episode: a metric store keeps every value of a tag for good.
        self._counters[name].inc(tags={"runner": str(env_runner.worker_index)})


def reseed(seed: int, iteration: int, num_runners: int) -> Callable[[Any], None]:
    """For `foreach_env_runner`: fixes what each episode of the coming iteration draws.

    RLlib samples actions from torch's global generator. Seeded before every episode by iteration
    and by the episode's number in it, a run depends neither on how many runners there are nor on
    whether it was interrupted.
    """
    # No function inside a function: type-checked as in our tests, it would not pickle.
    return partial(_reseed, seed, iteration, num_runners)


def _reseed(seed: int, iteration: int, num_runners: int, env_runner: Any) -> None:
    env_runner.episode_seeds = (
        derive_seed(seed, "episode", iteration, number)
        for number in itertools.count(max(env_runner.worker_index - 1, 0), num_runners)
    )


def pay_by(reward: RewardFn) -> Callable[[Any], None]:
    """For `foreach_env_runner`: what its environments pay from now on."""
    return partial(_pay_by, reward)


def _pay_by(reward: RewardFn, env_runner: Any) -> None:
    for episodes in _episodes(env_runner):
        episodes.reward_fn = reward


def seed_everything(seed: int) -> None:
    """Set the global generators that RLlib draws from. Nothing else of ours uses them."""
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def smoothing_states(env_runner: Any) -> tuple[int, list[float] | None]:
    """A runner's index and the smoothed reward in each place (Eq. 5's state); None before any."""
    states = [episodes.smoothed_P for episodes in _episodes(env_runner)]
    known = [smoothed_P.tolist() for smoothed_P in states if smoothed_P is not None]
    return env_runner.worker_index, known[0] if known else None


def restore_smoothing(states: dict[int, list[float] | None]) -> Callable[[Any], None]:
    """For `foreach_env_runner`: put back what `smoothing_states` gave."""
    return partial(_restore_smoothing, states)


def _restore_smoothing(states: dict[int, list[float] | None], env_runner: Any) -> None:
    known = states.get(env_runner.worker_index)
    for episodes in _episodes(env_runner) if known else ():
        episodes.smoothed_P = np.array(known)


def _episodes(env_runner: Any) -> list[Episodes]:
    """Those a runner plays; the local runner has none when there are remote ones."""
    return [env_runner.env.unwrapped.episodes] if env_runner.env is not None else []
