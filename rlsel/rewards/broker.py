"""`Broker`: the actor that answers requests for evaluations and hands out the work.

    env runner --\\                          /-- evaluator (core or GPU, holds the workbench)
    env runner ---+-- broker (ledger, queue)+--- evaluator
    driver     --/                          \\-- evaluator

It answers from the ledger what is there. Equal requests wait for the same training. Each evaluator
gets one group of jobs at a time. Every result is in the ledger before it is returned.
"""

import asyncio
import math
from collections import Counter as Tally
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.metrics import Counter

from rlsel.errors import InputError
from rlsel.machine.device import Precision, arithmetic
from rlsel.machine.workplace import Event, Files
from rlsel.rewards.evaluators import Answers, start_evaluators
from rlsel.rewards.jobs import Evaluation, Fidelity, Job
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.staff import LOST, Seat, Seats, Staff
from rlsel.rewards.utilisation import Stopwatch, TimeUsed
from rlsel.rewards.work_queue import Kind, Request, WorkQueue

MAX_LOST = 5
"""A job that has lost its evaluator this often is given up: the job itself must be the cause."""


@dataclass
class _Run:
    """What the broker knows of one run."""

    workbench: list[ray.ObjectRef]
    ledger: Ledger
    opened: TimeUsed
    from_ledger: Tally = field(default_factory=Tally)
    in_flight: dict[str, asyncio.Future] = field(default_factory=dict)
    failure: Exception | None = None
    """The error of the last job that failed."""
    warnings: dict[Fidelity, str] = field(default_factory=dict)


class Broker:
    """A named async actor that holds the ledgers, the queue and the evaluators."""

    def __init__(
        self,
        plan: EvaluatorPlan,
        start: Callable[[EvaluatorPlan], list[Any]] = start_evaluators,
    ) -> None:
        """Start evaluators.

        Args:
            start: Returns the handles of actors with the methods of `Evaluator`. Benchmarks pass
                actors that only pretend to work.
        """
        self._runs: dict[str, _Run] = {}
        self._queue = WorkQueue()
        self._seats = Seats(
            start(plan), plan.precision, self._spawn, self._begin_work, self._give_up
        )
        self._idle: deque[Seat] = deque()
        self._borrowers: deque[asyncio.Future[Seat]] = deque()
        """Who waits for an evaluator in `lend`."""
        self._at_work: Tally[Kind] = Tally()
        self._stopwatch = Stopwatch(len(self._seats.all))
        self._unwritten: list[tuple[Request, Evaluation]] = []
        self._tasks: set[asyncio.Task] = set()
        self._evaluations = Counter(
            "rlsel_evaluations", "Evaluations answered", tag_keys=("fidelity", "source")
        )

    async def ready(self) -> int:
        """Wait until one evaluator is up, and return how many there will be.

        Raises:
            InputError: no evaluator could be started.
        """
        return await self._seats.ready()

    async def staff(self) -> Staff:
        """How many evaluators are up. Each piece of news is returned once."""
        return self._seats.staff()

    async def arithmetic(self, precision: Precision) -> str:
        """Device and precision that the evaluators train with; needs one that is up."""
        place = self._seats.reference
        if place is None:
            raise RuntimeError("no evaluator has been up yet")
        return arithmetic(precision, place.device_type, place.has_bf16)

    async def open(self, run_id: str, workbench: list[ray.ObjectRef], ledger_path: str) -> None:
        """Register a run. A second call changes nothing."""
        if run_id not in self._runs:
            ledger = Ledger(Path(ledger_path))
            self._runs[run_id] = _Run(workbench, ledger, self._stopwatch.read())

    async def close(self, run_id: str) -> None:
        """Remove a run, its waiting requests and its ledger."""
        run = self._runs.pop(run_id, None)
        for request in self._queue.take_all_of(run_id):
            self._settle(request, RuntimeError("the run was closed"))
        for seat in self._seats.all:
            if any(held == run_id for held, _ in seat.group_sizes):
                seat.evaluator.forget.remote(run_id)
            seat.group_sizes = {k: size for k, size in seat.group_sizes.items() if k[0] != run_id}
        if run:
            run.ledger.close()

    async def evaluate(self, run_id: str, key: str, job: Job, asker: str = "") -> Evaluation:
        """Answer from the ledger, from a training in flight, or by training.

        Args:
            asker: Name of the caller. Callers are served in turns.
        """
        run = self._runs[run_id]
        known = run.ledger.get(key, job.metrics)
        if known is not None:
            self._count(run, job, "ledger")
            return known
        if not self._seats.all:
            raise InputError(f"no evaluator is left: {self._seats.let_go[-1]}")
        turn = self._queue.turn_of(asker)
        is_new = key not in run.in_flight
        if is_new:
            run.in_flight[key] = asyncio.get_running_loop().create_future()
            self._stopwatch.wanted(+1)
            self._queue.put(Request(run_id, key, job, turn, run.in_flight[key]))
            self._hand_out()
        known = await run.in_flight[key]
        self._queue.answered(asker, turn)
        self._count(run, job, "trained" if is_new else "ledger")
        return known

    async def lend(
        self, work: list[ray.ObjectRef], files: Files | None, called: str
    ) -> AsyncIterator[Event]:
        """Have the next free evaluator carry out work of another stage; see `Evaluator.carry_out`.

        Raises:
            RayActorError: the evaluator was lost; another one can carry it out.
        """
        seat = await self._next_free()
        is_lost = False
        try:
            stream = seat.evaluator.carry_out.remote(work, files, called)
            async for event in stream:
                yield await event
        except LOST as error:
            is_lost = True
            self._seats.note_loss(seat, error)
            raise
        finally:
            if is_lost:
                self._spawn(self._seats.employ(seat))
            else:
                self._begin_work(seat)

    async def _next_free(self) -> Seat:
        """An evaluator that is idle; those who wait go before all requests for evaluations."""
        if not self._seats.all:
            raise InputError(f"no evaluator is left: {self._seats.let_go[-1]}")
        if self._idle:
            return self._idle.popleft()
        self._borrowers.append(asyncio.get_running_loop().create_future())
        return await self._borrowers[-1]

    async def statistics(self, run_id: str) -> dict[str, Any]:
        """Counts by fidelity, and how the evaluators' time was used since the run was opened."""
        run = self._runs[run_id]
        return {
            "trained": run.ledger.counts(),
            "from_ledger": dict(run.from_ledger),
            "utilisation": self._stopwatch.read().since(run.opened).shares(),
            "warnings": [*run.warnings.values(), *self._seats.let_go],
        }

    async def failures(self, run_id: str) -> list[Exception]:
        """The error of the last job that failed, in a list; an empty list if no job failed.

        Callers ask for it where RLlib has hidden the error. The list is needed because Ray raises
        an exception that is returned by itself.
        """
        failure = self._runs[run_id].failure
        return [failure] if failure else []

    def _begin_work(self, seat: Seat) -> None:
        while self._borrowers:
            borrower = self._borrowers.popleft()
            if not borrower.done():  # or it was cancelled
                borrower.set_result(seat)
                return
        self._idle.append(seat)
        self._hand_out()

    def _give_up(self, why: str) -> None:
        while self._borrowers:
            self._borrowers.popleft().set_exception(InputError(f"no evaluator is left: {why}"))
        for run_id in self._runs:
            for request in self._queue.take_all_of(run_id):
                self._settle(request, InputError(f"no evaluator is left: {why}"))

    def _hand_out(self) -> None:
        while self._idle and len(self._queue):
            kind = self._queue.next_kind()
            # Evaluators that work on the same kind of job will be free soon, so they count too.
            sharing = len(self._idle) + self._at_work[kind]
            share = math.ceil(len(self._queue) / sharing)
            # An evaluator that holds the run's workbench is preferred, since making one takes time.
            known = (kind.run_id, kind.fidelity)
            seat = next((s for s in self._idle if known in s.group_sizes), self._idle[0])
            self._idle.remove(seat)
            size = seat.group_sizes.get(known, 1)
            self._spawn(self._work(seat, kind, self._queue.take(kind, min(share, size))))

    async def _work(self, seat: Seat, kind: Kind, group: list[Request]) -> None:
        # Counted from here on and not in `_hand_out`: evaluators that get work in the same round
        # share it evenly.
        self._at_work[kind] += 1
        is_lost = False
        try:
            self._take_in(seat, kind, group, await self._carried_out(seat, kind, group))
        except LOST as error:
            is_lost = True
            self._seats.note_loss(seat, error)
            self._work_again(group, error)
        except Exception as error:
            for request in group:
                self._settle(request, error)
        self._at_work -= Tally([kind])
        if is_lost:
            # Ray restarts the worker. Meanwhile its jobs go to other evaluators.
            self._spawn(self._seats.employ(seat))
            self._hand_out()
        else:
            self._begin_work(seat)

    async def _carried_out(self, seat: Seat, kind: Kind, group: list[Request]) -> Answers:
        workbench = self._runs[kind.run_id].workbench
        jobs = [request.job for request in group]
        return await seat.evaluator.evaluate.remote(kind.run_id, workbench, jobs)

    def _take_in(self, seat: Seat, kind: Kind, group: list[Request], answers: Answers) -> None:
        self._stopwatch.worked(answers.work_s)
        if run := self._runs.get(kind.run_id):  # it may have been closed meanwhile
            seat.group_sizes[kind.run_id, kind.fidelity] = answers.group_size
            if answers.warning:
                run.warnings[kind.fidelity] = answers.warning
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_down)
        self._unwritten += zip(group, answers.evaluations, strict=True)

    def _write_down(self) -> None:
        """Write all results that came in since the last write in one transaction."""
        answered, self._unwritten = self._unwritten, []
        for run_id in dict.fromkeys(request.run_id for request, _ in answered):
            of_run = [(request, one) for request, one in answered if request.run_id == run_id]
            error = self._put(run_id, [(r.key, r.job, evaluation) for r, evaluation in of_run])
            for request, evaluation in of_run:
                self._settle(request, error or evaluation)

    def _put(self, run_id: str, entries: list[tuple[str, Job, Evaluation]]) -> Exception | None:
        try:
            if run_id in self._runs:
                self._runs[run_id].ledger.put_many(entries)
        except Exception as error:
            return error
        return None

    def _work_again(self, group: list[Request], error: Exception) -> None:
        for request in group:
            if request.lost < MAX_LOST and request.run_id in self._runs:
                self._queue.put(replace(request, lost=request.lost + 1))
            else:
                self._settle(request, error)

    def _settle(self, request: Request, outcome: Evaluation | Exception) -> None:
        """Give the outcome of a request to all who wait for it."""
        self._stopwatch.wanted(-1)
        run = self._runs.get(request.run_id)
        if run and run.in_flight.get(request.key) is request.answer:
            del run.in_flight[request.key]
        if isinstance(outcome, Evaluation):
            request.answer.set_result(outcome)
            return
        request.answer.set_exception(outcome)
        if run:
            run.failure = outcome

    def _count(self, run: _Run, job: Job, source: str) -> None:
        if source == "ledger":
            run.from_ledger[job.fidelity] += 1
        self._evaluations.inc(tags={"fidelity": job.fidelity, "source": source})

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop holds no strong reference
        task.add_done_callback(self._tasks.discard)
        return task
