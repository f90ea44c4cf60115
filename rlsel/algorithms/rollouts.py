"""What happens around RLlib's episodes: seeding, smoothed rewards, counters."""

import itertools
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import ray
import torch
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.util.metrics import Counter

from envs.episodes import Episodes
from rlsel.seeding import derive_seed

DECISION_REWARDS = "decision_rewards"


@dataclass(frozen=True)
class Iteration:
    """What an env runner is told before every iteration.

    Random numbers and smoothed rewards belong to the number of an episode within its iteration. So
    the result of a run depends neither on the number of env runners nor on interruptions, and a
    restarted runner gets everything that it needs.
    """

    seed: int
    """The seed of the run."""
    number: int
    num_runners: int
    smoothed: Mapping[int, float] = field(default_factory=dict)
    """Number of an episode -> smoothed reward (Eq. 5) at the end of that episode in the iteration
    before."""
    shard: int = 0
    """The shard of the pool that all episodes of the iteration are on."""


class EpisodeWatcher(RLlibCallback):
    """Seeds episodes, collects the rewards of decisions, and counts both for Ray's dashboard."""

    def __init__(self) -> None:
        super().__init__()
        self._counters: dict[str, Counter] = {}

    def on_episode_step(
        self, *, episode: Any, metrics_logger: Any = None, env_runner: Any, **kwargs: Any
    ) -> None:
        metrics_logger.log_value(DECISION_REWARDS, episode.get_rewards(-1), reduce="item_series")
        self._count("rlsel_decisions", "Decisions taken on a batch", env_runner)

    def on_episode_start(self, *, env_runner: Any, **kwargs: Any) -> None:
        if not hasattr(env_runner, "iteration"):
            # The runner was restarted in the middle of an iteration. From the next one on it is
            # told as all others are.
            begin(Iteration(secrets.randbits(32), 0, 1))(env_runner)
        iteration, number = env_runner.iteration, next(env_runner.episode_numbers)
        # RLlib samples actions from torch's global generator.
        seed_everything(derive_seed(iteration.seed, "episode", iteration.number, number))
        if episodes := _one_by_one(env_runner):
            env_runner.episode_number = number
            episodes.smoothed_P = _as_array(iteration.smoothed, [number])

    def on_episode_end(self, *, env_runner: Any, **kwargs: Any) -> None:
        episodes = _one_by_one(env_runner)
        if episodes is not None and episodes.smoothed_P is not None:
            env_runner.smoothed[env_runner.episode_number] = float(episodes.smoothed_P[0])
        self._count("rlsel_episodes", "Episodes finished", env_runner)

    def _count(self, name: str, description: str, env_runner: Any) -> None:
        if not ray.is_initialized():
            return
        if name not in self._counters:
            self._counters[name] = Counter(name, description, tag_keys=("runner",))
        # The tag is the runner and never the episode: a metric store keeps every value of a tag.
        self._counters[name].inc(tags={"runner": str(env_runner.worker_index)})


def begin(iteration: Iteration) -> Callable[[Any], None]:
    """A function for `foreach_env_runner` that starts the iteration."""
    # A function inside a function would not pickle with the type checks that our tests switch on.
    return partial(_begin, iteration)


def _begin(iteration: Iteration, env_runner: Any) -> None:
    env_runner.iteration = iteration
    first = max(env_runner.worker_index - 1, 0)
    env_runner.episode_numbers = itertools.count(first, iteration.num_runners)
    env_runner.smoothed = {}
    episodes = _episodes(env_runner)
    if episodes is None:
        return
    episodes.shard = iteration.shard  # RLlib resets the environment before it samples episodes
    episodes.smoothed_P = _as_array(iteration.smoothed, range(episodes.num_episodes))


def seed_everything(seed: int) -> None:
    """Seed the global generators that RLlib draws from. Our own code uses no global generator."""
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def smoothed_rewards(env_runner: Any) -> dict[int, float]:
    """`Iteration.smoothed` of the next iteration, for the episodes that this runner has played."""
    episodes = _episodes(env_runner)
    if episodes is None:
        return {}
    if episodes.num_episodes == 1:
        return dict(env_runner.smoothed)
    return {} if episodes.smoothed_P is None else dict(enumerate(episodes.smoothed_P.tolist()))


def _as_array(smoothed: Mapping[int, float], numbers: Iterable[int]) -> np.ndarray | None:
    known = [smoothed[number] for number in numbers if number in smoothed]
    return np.array(known) if known else None


def _one_by_one(env_runner: Any) -> Episodes | None:
    """The episodes of a runner that plays one at a time; None for any other runner."""
    episodes = _episodes(env_runner)
    return episodes if episodes is not None and episodes.num_episodes == 1 else None


def _episodes(env_runner: Any) -> Episodes | None:
    """The episodes that a runner plays. The local runner has none if there are remote runners."""
    return None if env_runner.env is None else env_runner.env.unwrapped.episodes
