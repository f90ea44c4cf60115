"""The waiting jobs: which is handed out next, and which are handed out together."""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from rlsel.rewards.jobs import LADDER, Fidelity, Job, Split


@dataclass(frozen=True)
class Kind:
    """What the jobs of one group have in common."""

    run_id: str
    fidelity: Fidelity
    split: Split
    alone: str = ""
    """Key of a job that has lost its evaluator. It is carried out alone, as it may be the cause."""


@dataclass(frozen=True)
class Request:
    """A job whose result is awaited."""

    run_id: str
    key: str
    job: Job
    turn: int
    answer: asyncio.Future
    lost: int = 0
    """How often the evaluator that worked on it was lost."""

    @property
    def kind(self) -> Kind:
        return Kind(self.run_id, self.job.fidelity, self.job.split, self.key if self.lost else "")


class WorkQueue:
    """Callers with the fewest answers go first; among these the longest job, then the oldest.

    An iteration lasts as long as its slowest episode, and the jobs of an episode follow each other.
    If the longest job always went first, episodes that keep few candidates would fall behind and
    run alone in the end. So episodes advance in turns. Within a turn the longest job goes first, so
    that evaluators end an iteration at about the same time. docs/benchmarks/speed.md,
    "Evaluators and episodes", has the share of time that evaluators work under either order.
    """

    def __init__(self) -> None:
        self._waiting: dict[Kind, list[tuple[tuple[int, ...], Request]]] = {}
        self._arrivals = itertools.count()
        self._turns: dict[str, int] = {}
        self._current = 0

    def turn_of(self, asker: str) -> int:
        """The turn of a job of `asker`. A new caller begins in the turn of the others."""
        return max(self._current, self._turns.get(asker, 0))

    def answered(self, asker: str, turn: int) -> None:
        """Move `asker` on to the next turn. Jobs that it asks for together are in one turn."""
        self._turns[asker] = max(turn + 1, self._turns.get(asker, 0))

    def put(self, request: Request) -> None:
        """Add a request."""
        job = request.job
        rank = (
            request.turn,
            -LADDER.index(job.fidelity),
            -int(job.kept_N.sum()),
            next(self._arrivals),
        )
        heapq.heappush(self._waiting.setdefault(request.kind, []), (rank, request))

    def next_kind(self) -> Kind:
        """The kind of the job that goes first.

        Raises:
            ValueError: nothing waits.
        """
        return min(self._waiting, key=lambda kind: self._waiting[kind][0][0])

    def take(self, kind: Kind, num: int) -> list[Request]:
        """Remove and return the next `num` jobs of a kind, or as many as there are."""
        heap = self._waiting[kind]
        taken = [heapq.heappop(heap) for _ in range(min(num, len(heap)))]
        if not heap:
            del self._waiting[kind]
        self._current = max(self._current, *(rank[0] for rank, _ in taken))
        return [request for _, request in taken]

    def take_all_of(self, run_id: str) -> Iterator[Request]:
        """Remove and return all jobs of a run."""
        for kind in [kind for kind in self._waiting if kind.run_id == run_id]:
            yield from (request for _, request in self._waiting.pop(kind))

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))
