"""Who is served next, and who together."""

import asyncio
import heapq
from collections.abc import Iterator

import numpy as np
import pytest

from rlsel.rewards import Fidelity, Job, Split
from rlsel.rewards.work_queue import Request, WorkQueue

NUM_DECISIONS = 7


@pytest.fixture
def answer() -> Iterator[asyncio.Future]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


@pytest.fixture
def request_for(answer: asyncio.Future):
    """Makes a request; its answer is never looked at here."""

    def make(
        key: str,
        num_kept: int = 3,
        fidelity: Fidelity = "full",
        split: Split = "reward_val",
        run_id: str = "run",
        turn: int = 0,
        lost: int = 0,
    ) -> Request:
        job = Job(np.arange(61) < num_kept, fidelity, 0, split)
        return Request(run_id, key, job, turn, answer, lost)

    return make


def in_order(queue: WorkQueue) -> list[str]:
    """Keys, handed out one at a time."""
    return [queue.take(queue.next_kind(), 1)[0].key for _ in range(len(queue))]


def filled(*requests: Request) -> WorkQueue:
    queue = WorkQueue()
    for request in requests:
        queue.put(request)
    return queue


def test_the_largest_set_of_a_turn_goes_first(request_for) -> None:
    queue = filled(*(request_for(f"{n} kept", n) for n in (5, 17, 2, 11)))

    assert in_order(queue) == ["17 kept", "11 kept", "5 kept", "2 kept"]


def test_the_dearer_fidelity_goes_first_however_small_its_set(request_for) -> None:
    kinds: list[tuple[Fidelity, int]] = [("probe", 31), ("full", 2), ("finetune", 17)]
    queue = filled(*(request_for(fidelity, n, fidelity) for fidelity, n in kinds))

    assert in_order(queue) == ["full", "finetune", "probe"]


def test_equal_jobs_are_served_in_order_of_arrival(request_for) -> None:
    keys = [f"number {i}" for i in range(13)]

    assert in_order(filled(*map(request_for, keys))) == keys


def test_nobody_is_served_twice_before_another_is_served_once(request_for) -> None:
    queue = WorkQueue()
    queue.put(request_for("greedy", 31, turn=queue.turn_of("greedy")))
    queue.take(queue.next_kind(), 1)
    queue.answered("greedy", 0)
    queue.put(request_for("greedy again", 31, turn=queue.turn_of("greedy")))
    queue.put(request_for("modest", 1, turn=queue.turn_of("modest")))

    assert in_order(queue) == ["modest", "greedy again"]


def test_a_newcomer_joins_in_where_the_others_are(request_for) -> None:
    queue = WorkQueue()
    for turn in range(5):
        queue.put(request_for(f"turn {turn}", turn=queue.turn_of("old")))
        queue.take(queue.next_kind(), 1)
        queue.answered("old", turn)

    assert queue.turn_of("newcomer") == 4
    assert queue.turn_of("old") == 5


def test_what_is_asked_for_at_once_counts_as_one_turn() -> None:
    queue = WorkQueue()
    turns = [queue.turn_of("driver") for _ in range(17)]
    for turn in turns:
        queue.answered("driver", turn)

    assert turns == [0] * 17
    assert queue.turn_of("driver") == 1


def test_a_group_is_of_one_run_fidelity_and_split(request_for) -> None:
    queue = filled(
        request_for("first"),
        request_for("other run", run_id="other"),
        request_for("other fidelity", fidelity="probe"),
        request_for("other split", split="test"),
        request_for("second"),
    )

    assert [request.key for request in queue.take(queue.next_kind(), 5)] == ["first", "second"]
    assert len(queue) == 3


def test_a_group_is_no_larger_than_asked_for_and_takes_the_longest(request_for) -> None:
    queue = filled(*(request_for(f"{n} kept", n) for n in (3, 7, 5, 2)))

    assert [one.key for one in queue.take(queue.next_kind(), 3)] == ["7 kept", "5 kept", "3 kept"]


def test_a_job_that_lost_its_evaluator_goes_alone(request_for) -> None:
    queue = filled(request_for("a"), request_for("killer", 31, lost=1), request_for("b"))

    assert [request.key for request in queue.take(queue.next_kind(), 3)] == ["killer"]
    assert [request.key for request in queue.take(queue.next_kind(), 3)] == ["a", "b"]


def test_what_waits_for_a_run_can_be_taken_back(request_for) -> None:
    queue = filled(
        request_for("a"), request_for("b", run_id="other"), request_for("c", fidelity="probe")
    )

    assert {request.key for request in queue.take_all_of("run")} == {"a", "c"}
    assert in_order(queue) == ["b"]


def finished_after(num_episodes: int, num_evaluators: int, request_for, longest_first: bool) -> int:
    """When the last of some episodes ends, each of whose decisions keeps more than the one before.

    A job takes as long as it has candidates. `longest_first` ignores whose turn it is.
    """
    steps_ED = np.random.default_rng(3).integers(1, 8, (num_episodes, NUM_DECISIONS))
    kept_ED = steps_ED.cumsum(axis=1)
    queue, busy, now = WorkQueue(), [], 0

    def ask(episode: int, decision: int) -> None:
        turn = 0 if longest_first else queue.turn_of(f"episode {episode}")
        num_kept = int(kept_ED[episode, decision])
        queue.put(request_for(f"{episode} {decision}", num_kept, turn=turn))

    for episode in range(num_episodes):
        ask(episode, 0)
    while busy or len(queue):
        while len(busy) < num_evaluators and len(queue):
            (taken,) = queue.take(queue.next_kind(), 1)
            episode, decision = map(int, taken.key.split())
            end = now + int(kept_ED[episode, decision])
            heapq.heappush(busy, (end, episode, decision, taken.turn))
        now, episode, decision, turn = heapq.heappop(busy)
        queue.answered(f"episode {episode}", turn)
        if decision + 1 < NUM_DECISIONS:
            ask(episode, decision + 1)
    return now


def test_an_iteration_ends_sooner_than_with_the_longest_job_first_throughout(request_for) -> None:
    by_turns = finished_after(11, 7, request_for, longest_first=False)

    assert by_turns < 0.9 * finished_after(11, 7, request_for, longest_first=True)
