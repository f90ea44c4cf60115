"""One iteration: all episodes start at once, and it is over when the last of them ends."""

import heapq
import tempfile
from asyncio import new_event_loop
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import ray

from rlsel.metrics import mean_and_std
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.work_queue import Request, WorkQueue
from scaling.pretended import (
    NUM_DECISIONS,
    RUN,
    Distribution,
    Episodes,
    Latency,
    Sleeper,
    Trip,
    WatchedBroker,
    jobs_of,
    seats_on,
    start_actor,
)

NUM_PROCESSES = 2
"""Of evaluators, and as many of episodes."""
NUM_DRAWS = 20
"""Of exponentially distributed latencies, where they are only computed with."""
Cell = dict[str, float]
Order = Literal["turns", "arrival", "longest"]


@contextmanager
def stage(num_evaluators: int, latency: Latency) -> Iterator[tuple[Any, list[Any]]]:
    """A broker with evaluators and a ledger of its own, and the processes that ask it."""
    sleepers = [start_actor(Sleeper, latency) for _ in range(NUM_PROCESSES)]
    plan = EvaluatorPlan(num_evaluators, 0.0, 0.0, "a benchmark")
    broker = start_actor(WatchedBroker, plan, partial(seats_on, sleepers))
    askers = [start_actor(Episodes, broker) for _ in range(NUM_PROCESSES)]
    with tempfile.TemporaryDirectory() as folder:
        ray.get(broker.ready.remote())
        ray.get(broker.open.remote(RUN, [], str(Path(folder) / "ledger.sqlite")))
        # One evaluation each, so that everybody is up and knows everybody.
        ray.get([each.play.remote([10_000 + n], 1) for n, each in enumerate(askers)])
        try:
            yield broker, askers
        finally:
            ray.get(broker.close.remote(RUN))
            for actor in [*sleepers, broker, *askers]:
                ray.kill(actor)


def play(askers: list[Any], episodes: range, num_decisions: int = NUM_DECISIONS) -> list[Trip]:
    """Play episodes at once, spread over the processes."""
    shares = [list(episodes)[n :: len(askers)] for n in range(len(askers))]
    played = [a.play.remote(n, num_decisions) for a, n in zip(askers, shares, strict=True)]
    return [trip for trips in ray.get(played) for trip in trips]


def measure(num_evaluators: int, num_episodes: int, latency: Latency) -> Cell:
    """Play one iteration; the cell says how well evaluators were used, and at what price."""
    with stage(num_evaluators, latency) as (broker, askers):
        before_s, _ = ray.get(broker.usage.remote())
        trips = play(askers, range(num_episodes))
        after_s, broker_mib = ray.get(broker.usage.remote())
    work_s = sum(latency.of(trip.number) for trip in trips)
    wall_s = max(trip.answered for trip in trips) - min(trip.asked for trip in trips)
    overheads_ms = [1000 * overhead_s for overhead_s in _overheads_s(trips)]
    return {
        "utilisation": work_s / (num_evaluators * wall_s),
        "overhead_ms_mean": float(np.mean(overheads_ms)),
        "overhead_ms_median": float(np.median(overheads_ms)),
        "overhead_ms_p95": float(np.quantile(overheads_ms, 0.95)),
        "wall_s": wall_s,
        "broker_cpu_ms_per_evaluation": 1000 * (after_s - before_s) / len(trips),
        "broker_mib": broker_mib,
        "n": len(trips),
    }


def _overheads_s(trips: list[Trip]) -> Iterator[float]:
    """What each evaluation took beyond its latency and the wait for its evaluator.

    That is: the way there, since it was asked for and its evaluator was done with the one before;
    and the way back, through the ledger.
    """
    by_seat: dict[str, list[Trip]] = {}
    for trip in sorted(trips, key=lambda trip: trip.start):
        by_seat.setdefault(trip.seat, []).append(trip)
    for of_seat in by_seat.values():
        first = of_seat[0]
        yield first.start - first.asked + first.answered - first.end
        for before, trip in pairwise(of_seat):
            yield trip.start - max(trip.asked, before.end) + trip.answered - trip.end


def simulate(
    num_evaluators: int,
    num_episodes: int,
    latency: Latency,
    order: Order = "turns",
    grows: bool = False,
) -> float:
    """Utilisation in the same iteration where messages take no time.

    Args:
        order: `turns` is the broker's; `arrival` and `longest` are what it might have been.
        grows: A job takes its latency times 0.5 + 2 x the share of candidates that it keeps.
    """
    jobs = [jobs_of(episode) for episode in range(num_episodes)]
    loop = new_event_loop()
    queue, answer = WorkQueue(), loop.create_future()
    busy: list[tuple[float, int, int, int]] = []
    arrivals = count()
    now = work_s = 0.0

    def ask(episode: int, decision: int) -> None:
        turns = {"turns": queue.turn_of(str(episode)), "arrival": next(arrivals), "longest": 0}
        key = f"{episode} {decision}"
        queue.put(Request(RUN, key, jobs[episode][decision], turns[order], answer))

    for episode in range(num_episodes):
        ask(episode, 0)
    while busy or len(queue):
        while len(busy) < num_evaluators and len(queue):
            (taken,) = queue.take(queue.next_kind(), 1)
            episode, decision = map(int, taken.key.split())
            size = 0.5 + 2 * taken.job.kept_N.mean() if grows else 1.0
            took_s = size * latency.of(taken.job.seed)
            work_s += took_s
            heapq.heappush(busy, (now + took_s, episode, decision, taken.turn))
        now, episode, decision, turn = heapq.heappop(busy)
        queue.answered(str(episode), turn)
        if decision + 1 < NUM_DECISIONS:
            ask(episode, decision + 1)
    loop.close()
    return work_s / (num_evaluators * now)


def compare_orders(num_evaluators: int, num_episodes: int, mean_s: float) -> Cell:
    """Utilisation by order of service, with jobs that grow with every decision."""
    latency = Latency("constant", mean_s, seed=0)
    return {
        order: simulate(num_evaluators, num_episodes, latency, order, grows=True)
        for order in get_args(Order)
    }


def without_messages(
    num_evaluators: int, num_episodes: int, distribution: Distribution, mean_s: float
) -> Cell:
    """Utilisation where messages take no time: over draws of the latencies, if they are drawn."""
    draws = 1 if distribution == "constant" else NUM_DRAWS
    latencies = (Latency(distribution, mean_s, seed) for seed in range(draws))
    shares = [simulate(num_evaluators, num_episodes, latency) for latency in latencies]
    mean, std = mean_and_std(shares)
    return {"utilisation": mean, "n": draws} | ({"std": std} if draws > 1 else {})
