"""Which of the waiting jobs are handed out next, and which of them go together."""

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
    """Key of a job that lost its evaluator. It goes alone, as it may be the one that kills."""


@dataclass(frozen=True)
class Request:
    """A job that somebody waits for."""

    run_id: str
    key: str
    job: Job
    turn: int
    answer: asyncio.Future
    lost: int = 0
    """How often its evaluator was lost."""

    @property
    def kind(self) -> Kind:
        return Kind(self.run_id, self.job.fidelity, self.job.split, self.key if self.lost else "")


class WorkQueue:
    """Whoever has had the fewest answers goes first; among equals the longest job; then the oldest.

    An iteration is as long as its slowest episode, and an episode's jobs come one after the other:
    with the longest job first throughout, episodes that keep few candidates would fall behind, and
    in the end they would run alone. So all advance by turns, and at the end of an iteration, where
    all are at their last decision, the longest job goes first. docs/benchmarks/speed.md,
    "Evaluators and episodes", has the share of time that evaluators are at work with each order.
    """

    def __init__(self) -> None:
        self._waiting: dict[Kind, list[tuple[tuple[int, ...], Request]]] = {}
        self._arrivals = itertools.count()
        self._turns: dict[str, int] = {}
        self._current = 0

    def turn_of(self, asker: str) -> int:
        """The turn in which a job of `asker` is; a newcomer joins in where the others are."""
        return max(self._current, self._turns.get(asker, 0))

    def answered(self, asker: str, turn: int) -> None:
        """Move `asker` on to the next turn. All that it asks for at once is in one turn."""
        self._turns[asker] = max(turn + 1, self._turns.get(asker, 0))

    def put(self, request: Request) -> None:
        """Let a request wait."""
        job = request.job
        rank = (
            request.turn,
            -LADDER.index(job.fidelity),
            -int(job.kept_N.sum()),
            next(self._arrivals),
        )
        heapq.heappush(self._waiting.setdefault(request.kind, []), (rank, request))

    def next_kind(self) -> Kind:
        """The kind of the job that is to be handed out next.

        Raises:
            ValueError: nothing waits.
        """
        return min(self._waiting, key=lambda kind: self._waiting[kind][0][0])

    def take(self, kind: Kind, num: int) -> list[Request]:
        """The next `num` jobs of a kind that waits, or as many as there are."""
        heap = self._waiting[kind]
        taken = [heapq.heappop(heap) for _ in range(min(num, len(heap)))]
        if not heap:
            del self._waiting[kind]
        self._current = max(self._current, *(rank[0] for rank, _ in taken))
        return [request for _, request in taken]

    def take_all_of(self, run_id: str) -> Iterator[Request]:
        """Everything that waits for a run; nobody is going to ask for it any more."""
        for kind in [kind for kind in self._waiting if kind.run_id == run_id]:
            yield from (request for _, request in self._waiting.pop(kind))

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))
