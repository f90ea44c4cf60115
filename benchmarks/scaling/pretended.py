"""Actors that pretend: evaluators that sleep, and episodes that keep candidates at random."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import psutil
import ray

from rlsel.rewards import Evaluation, Job, Ledger
from rlsel.rewards.broker import Broker
from rlsel.rewards.evaluators import Answers
from rlsel.rewards.jobs import SPLITS
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.plan import EvaluatorPlan, Place

NUM_CANDIDATES = 1024
NUM_DECISIONS = 8
RUN = "run"
Distribution = Literal["constant", "exponential"]


@dataclass(frozen=True)
class Latency:
    """How long the job with a number takes: the same for whoever asks, so it can be simulated."""

    distribution: Distribution
    mean_s: float
    seed: int

    def of(self, number: int) -> float:
        if self.distribution == "constant":
            return self.mean_s
        return float(np.random.default_rng((self.seed, number)).exponential(self.mean_s))


class Sleeper:
    """One process with many evaluators in it. Each is asked for one job at a time."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency

    async def introduce(self) -> Place:
        return Place("here", ())

    async def pin(self, cores: tuple[int, ...]) -> None:
        """There is nothing to pin."""

    async def forget(self, run_id: str) -> None:
        """There is nothing to forget."""

    async def evaluate(self, seat: int, run_id: str, workbench: list[Any], jobs: list[Job]):
        """Sleep; the scores tell from when to when, on the clock of the machine."""
        start = time.monotonic()
        latency_s = self._latency.of(jobs[0].seed)
        if latency_s:
            await asyncio.sleep(latency_s)
        scores = {"start": [start], "end": [time.monotonic()]}
        evaluation = Evaluation(scores, 1_000, latency_s, str(seat))
        return Answers([evaluation], 1, latency_s)


def seats_on(sleepers: Sequence[Any], plan: EvaluatorPlan) -> list[Any]:
    """Handles of as many evaluators as planned, spread over the processes."""
    return [
        SimpleNamespace(
            introduce=sleeper.introduce,
            pin=sleeper.pin,
            forget=sleeper.forget,
            evaluate=SimpleNamespace(remote=partial(sleeper.evaluate.remote, seat)),
        )
        for seat in range(plan.count)
        for sleeper in [sleepers[seat % len(sleepers)]]
    ]


class Forgetful(Ledger):
    """Writes nothing down."""

    def put_many(self, entries: Any) -> None:
        """Forget them."""


class WatchedBroker(Broker):
    """The broker, and a look at what it takes."""

    def forget(self) -> None:
        """From now on nothing is written down."""
        self._runs[RUN].ledger.__class__ = Forgetful

    def usage(self) -> tuple[float, float]:
        """CPU seconds so far, and MiB of memory."""
        process = psutil.Process()
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss / 2**20


@dataclass(frozen=True)
class Trip:
    """One evaluation, as its episode saw it: times of the machine's clock, in seconds."""

    number: int
    asked: float
    answered: float
    start: float
    end: float
    seat: str


def jobs_of(episode: int, num_decisions: int = NUM_DECISIONS) -> list[Job]:
    """One a decision, which keeps half of its candidates beside all that were kept before."""
    kept_N = np.random.default_rng(episode).random(NUM_CANDIDATES) < 0.5
    of_decision_N = np.arange(NUM_CANDIDATES) * num_decisions // NUM_CANDIDATES
    number = episode * num_decisions
    return [
        Job(kept_N & (of_decision_N <= decision), "full", number + decision, "reward_val")
        for decision in range(num_decisions)
    ]


class Episodes:
    """One process with many episodes in it: each asks, waits for the answer, and asks again."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        ids_N = np.array([f"candidate-{n:04d}" for n in range(NUM_CANDIDATES)])
        recipes = {("full", split): split for split in SPLITS}
        self._key_of = JobKeys(ids_N, recipes)  # pyright: ignore

    async def play(self, numbers: list[int], num_decisions: int = NUM_DECISIONS) -> list[Trip]:
        """Play these episodes side by side to their ends."""
        played = await asyncio.gather(*(self._play(n, num_decisions) for n in numbers))
        return [trip for trips in played for trip in trips]

    async def _play(self, episode: int, num_decisions: int) -> list[Trip]:
        trips = []
        for job in jobs_of(episode, num_decisions):
            asked = time.monotonic()
            known = await self._broker.evaluate.remote(
                RUN, self._key_of(job), job, f"episode {episode}"
            )
            (start,), (end,) = known.scores["start"], known.scores["end"]
            now = time.monotonic()
            trips.append(Trip(job.seed, asked, now, start, end, known.worker))
        return trips


def start_actor(cls: type, *arguments: Any) -> Any:
    return ray.remote(cls).options(num_cpus=0, max_concurrency=10_000).remote(*arguments)
