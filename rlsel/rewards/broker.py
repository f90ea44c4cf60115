"""`Broker`: the one who knows what has been paid for, what waits, and who is free.

    env runner --\\                          /-- evaluator (core or GPU, holds the workbench)
    env runner ---+-- broker (ledger, queue)+--- evaluator
    driver     --/                          \\-- evaluator

It answers from the ledger, lets equal requests wait for the same training, hands each evaluator
one group of jobs at a time, and writes every result down before anybody hears of it.
"""

import asyncio
import math
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayActorError
from ray.util.metrics import Counter

from rlsel.classifier.resident import Precision, arithmetic
from rlsel.errors import InputError
from rlsel.rewards.evaluators import Answers, describe_loss, num_restarts, start_evaluators
from rlsel.rewards.jobs import Evaluation, Fidelity, Job
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.plan import EvaluatorPlan, Place, share_cores
from rlsel.rewards.utilisation import Stopwatch, TimeUsed
from rlsel.rewards.work_queue import Kind, Request, WorkQueue

MAX_LOST = 5
"""How often one job may lose its evaluator before it is given up: then the job itself kills."""
RETURN_S = 0.5
"""Until the first look whether a lost evaluator is back; each further one takes twice as long."""
MAX_RETURN_S = 30.0
"""But no longer than that: a machine that was taken away may be back after hours."""
MAX_DEATHS = 3
"""How often in a row Ray may say that an evaluator is dead, not only away, before it is let go."""
LOOK_S = 5.0
"""Between two looks at an evaluator that does not come up."""
PIN_S = 10.0
"""How long evaluators that are up wait for the others, to share out the cores once."""
LOST = (RayActorError, NodeDiedError, OutOfMemoryError)
"""What Ray reports of an evaluator that was killed: the job itself is not to blame."""


@dataclass(frozen=True)
class Staff:
    """How many evaluators there are, and what has become of others since the last question."""

    wanted: int
    up: int
    news: list[str]


@dataclass
class _Run:
    """What the broker knows of one run."""

    workbench: list[ray.ObjectRef]
    ledger: Ledger
    opened: TimeUsed
    from_ledger: Tally = field(default_factory=Tally)
    in_flight: dict[str, asyncio.Future] = field(default_factory=dict)
    failure: Exception | None = None
    """What the last job that failed raised."""
    warnings: dict[Fidelity, str] = field(default_factory=dict)


@dataclass
class _Seat:
    """An evaluator and what the broker knows of it."""

    evaluator: Any
    place: Place | None = None
    is_up: bool = False
    deaths: int = 0
    """In a row, without having been up in between."""
    pinned: tuple[int, ...] | None = None
    """Its cores, once it was told."""
    group_sizes: dict[tuple[str, Fidelity], int] = field(default_factory=dict)
    """By run and fidelity; it says so with its first answer, and until then gets one job."""


class Broker:
    """Ledgers, queue and evaluators. A named async actor."""

    def __init__(
        self,
        plan: EvaluatorPlan,
        start: Callable[[EvaluatorPlan], list[Any]] = start_evaluators,
    ) -> None:
        """Start evaluators.

        Args:
            start: Gives the handles of actors with the methods of `Evaluator`; a benchmark gives
                some that only pretend to work.
        """
        self._runs: dict[str, _Run] = {}
        self._queue = WorkQueue()
        self._seats = [_Seat(evaluator) for evaluator in start(plan)]
        self._num_wanted = len(self._seats)
        self._news: list[str] = []
        self._last_loss = ""
        self._let_go: list[str] = []
        """Said of each evaluator that is never to come back, for the record."""
        self._is_patient = True
        self._precision: Precision = plan.precision
        self._reference: Place | None = None
        """Of the first evaluator that was up."""
        self._idle: deque[_Seat] = deque()
        self._at_work: Tally[Kind] = Tally()
        self._stopwatch = Stopwatch(len(self._seats))
        self._unwritten: list[tuple[Request, Evaluation]] = []
        self._tasks: set[asyncio.Task] = set()
        self._starting: list[asyncio.Task] = []
        self._evaluations = Counter(
            "rlsel_evaluations", "Evaluations answered", tag_keys=("fidelity", "source")
        )

    async def ready(self) -> int:
        """Return when an evaluator is up: how many there are to be.

        Raises:
            InputError: not one of them could be started.
        """
        if not self._starting:
            self._starting = [self._spawn(self._employ(seat)) for seat in self._seats]
            self._spawn(self._stop_waiting_for_all())
        for is_up in asyncio.as_completed(self._starting):
            if await is_up:
                return len(self._seats)
        raise InputError(f"no evaluator could be started: {self._last_loss}")

    async def staff(self) -> Staff:
        """Who is up. News are told once."""
        news, self._news = self._news, []
        return Staff(self._num_wanted, sum(seat.is_up for seat in self._seats), news)

    async def arithmetic(self, precision: Precision) -> str:
        """In which the evaluators train; to be asked once one of them is up."""
        place = self._reference
        if place is None:
            raise RuntimeError("no evaluator has been up yet")
        return arithmetic(precision, place.device_type, place.has_bf16)

    async def open(self, run_id: str, workbench: list[ray.ObjectRef], ledger_path: str) -> None:
        """Make a run known; asked again it changes nothing."""
        if run_id not in self._runs:
            ledger = Ledger(Path(ledger_path))
            self._runs[run_id] = _Run(workbench, ledger, self._stopwatch.read())

    async def close(self, run_id: str) -> None:
        """Forget a run, what waits for it, and its images."""
        run = self._runs.pop(run_id, None)
        for request in self._queue.take_all_of(run_id):
            self._settle(request, RuntimeError("the run was closed"))
        for seat in self._seats:
            seat.group_sizes = {k: size for k, size in seat.group_sizes.items() if k[0] != run_id}
        if run:
            run.ledger.close()

    async def evaluate(self, run_id: str, key: str, job: Job, asker: str = "") -> Evaluation:
        """Answer from the ledger, from a training in flight, or by training.

        Args:
            asker: Whoever asks; nobody is served twice before another was served once.
        """
        run = self._runs[run_id]
        known = run.ledger.get(key)
        if known is not None:
            self._count(run, job, "ledger")
            return known
        if not self._seats:
            raise InputError(f"no evaluator is left: {self._let_go[-1]}")
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

    async def statistics(self, run_id: str) -> dict[str, Any]:
        """Counts by fidelity; how the evaluators' time was used since the run was opened."""
        run = self._runs[run_id]
        return {
            "trained": run.ledger.counts(),
            "from_ledger": dict(run.from_ledger),
            "utilisation": self._stopwatch.read().since(run.opened).shares(),
            "warnings": [*run.warnings.values(), *self._let_go],
        }

    async def failures(self, run_id: str) -> list[Exception]:
        """What the last job that failed raised, for whoever was not told; empty if none did.

        In a list, as Ray would raise what it returns.
        """
        failure = self._runs[run_id].failure
        return [failure] if failure else []

    async def _employ(self, seat: _Seat, delay_s: float = 0.0) -> bool:
        """Give `seat` work from when it is up; if it is lost on the way, when it is back."""
        await asyncio.sleep(delay_s)
        try:
            seat.place, seat.pinned = await self._introduced(seat), None
        except LOST as error:
            seat.deaths += isinstance(error, ActorDiedError)
            if seat.deaths >= MAX_DEATHS:
                self._let_go_of(seat, error)
            else:
                self._note_loss(seat, error)
                next_s = min(2 * delay_s or RETURN_S, MAX_RETURN_S)
                self._spawn(self._employ(seat, next_s))
            return False
        if why := self._is_unlike(seat.place):
            self._let_go_of(seat, RayActorError(error_msg=why))
            return False
        seat.is_up, seat.deaths = True, 0
        self._pin()
        self._idle.append(seat)
        self._hand_out()
        return True

    def _is_unlike(self, place: Place) -> str:
        """Why scores of an evaluator there cannot stand beside the others'; mostly empty."""
        self._reference = self._reference or place
        one, first = (
            arithmetic(self._precision, p.device_type, p.has_bf16) for p in (place, self._reference)
        )
        if one == first:
            return ""
        return (
            f"it would train in {one}, the others train in {first}: state classifier.precision, or "
            "use machines of one kind"
        )

    async def _introduced(self, seat: _Seat) -> Place:
        """Where it is, once it is up.

        Ray starts one whose process ends while it starts again for ever, and says nothing.
        """
        place = asyncio.ensure_future(seat.evaluator.introduce.remote())
        restarts_before: int | None = None
        while not (await asyncio.wait({place}, timeout=LOOK_S))[0]:
            restarts = num_restarts(seat.evaluator)
            restarts_before = restarts if restarts_before is None else restarts_before
            if restarts - restarts_before >= MAX_DEATHS:
                place.add_done_callback(lambda lost: lost.exception())
                ray.kill(seat.evaluator)
                seat.deaths = MAX_DEATHS
                raise RayActorError(error_msg="its process ends each time that it starts")
        return await place

    def _note_loss(self, seat: _Seat, error: Exception) -> None:
        """News of it, unless it is the same as of the look before."""
        why = describe_loss(error)
        if seat.is_up or self._last_loss != why:
            self._news.append(f"an evaluator was lost: {why}. Others go on with its work")
        self._last_loss, seat.is_up = why, False

    def _let_go_of(self, seat: _Seat, error: Exception) -> None:
        """Its part of the cores and of the work goes to the others."""
        self._seats.remove(seat)
        self._last_loss = describe_loss(error)
        told = f"an evaluator was given up: {self._last_loss}"
        self._news.append(told)
        self._let_go.append(told)
        self._pin()
        if not self._seats:
            for run_id in self._runs:
                for request in self._queue.take_all_of(run_id):
                    self._settle(request, InputError(f"no evaluator is left: {told}"))

    async def _stop_waiting_for_all(self) -> None:
        await asyncio.sleep(PIN_S)
        self._is_patient = False
        self._pin()

    def _pin(self) -> None:
        """Share out the cores, once it is known where all evaluators are, or most after a while."""
        known = [(seat, seat.place) for seat in self._seats if seat.place]
        if self._is_patient and len(known) < len(self._seats):
            return
        shares = share_cores([place for _, place in known])
        for (seat, _), share in zip(known, shares, strict=True):
            if seat.pinned != share:
                seat.evaluator.pin.remote(share)
                seat.pinned = share

    def _hand_out(self) -> None:
        while self._idle and len(self._queue):
            kind = self._queue.next_kind()
            # Who has been at the same kind of work for a while is going to be free soon as well.
            sharing = len(self._idle) + self._at_work[kind]
            share = math.ceil(len(self._queue) / sharing)
            # Rather one that has prepared for this run: a workbench takes a while.
            known = (kind.run_id, kind.fidelity)
            seat = next((s for s in self._idle if known in s.group_sizes), self._idle[0])
            self._idle.remove(seat)
            size = seat.group_sizes.get(known, 1)
            self._spawn(self._work(seat, kind, self._queue.take(kind, min(share, size))))

    async def _work(self, seat: _Seat, kind: Kind, group: list[Request]) -> None:
        # From now on, not from when it was handed out: who gets work at once shares it evenly.
        self._at_work[kind] += 1
        is_lost = False
        try:
            self._take_in(seat, kind, group, await self._carried_out(seat, kind, group))
        except LOST as error:
            is_lost = True
            self._note_loss(seat, error)
            self._work_again(group, error)
        except Exception as error:
            for request in group:
                self._settle(request, error)
        self._at_work -= Tally([kind])
        if is_lost:
            # Ray starts the worker again; meanwhile its jobs go to whoever is free.
            self._spawn(self._employ(seat))
        else:
            self._idle.append(seat)
        self._hand_out()

    async def _carried_out(self, seat: _Seat, kind: Kind, group: list[Request]) -> Answers:
        workbench = self._runs[kind.run_id].workbench
        jobs = [request.job for request in group]
        return await seat.evaluator.evaluate.remote(kind.run_id, workbench, jobs)

    def _take_in(self, seat: _Seat, kind: Kind, group: list[Request], answers: Answers) -> None:
        self._stopwatch.worked(answers.work_s)
        if run := self._runs.get(kind.run_id):  # it may have been closed meanwhile
            seat.group_sizes[kind.run_id, kind.fidelity] = answers.group_size
            if answers.warning:
                run.warnings[kind.fidelity] = answers.warning
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_down)
        self._unwritten += zip(group, answers.evaluations, strict=True)

    def _write_down(self) -> None:
        """Write all that came in during the last write at one go: each waits for the disk."""
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
        """Tell everybody who waits for a request what came of it."""
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
        self._tasks.add(task)  # the loop itself would let it be collected
        task.add_done_callback(self._tasks.discard)
        return task
