"""The broker's evaluators: they come up, are lost, come back, or are given up."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayActorError

from rlsel.errors import InputError
from rlsel.machine.device import Precision, arithmetic
from rlsel.rewards.evaluators import describe_loss, num_restarts
from rlsel.rewards.jobs import Fidelity
from rlsel.rewards.plan import Place, share_cores

RETURN_S = 0.5
"""Seconds before the first try to reach a lost evaluator; every further wait is twice as long."""
MAX_RETURN_S = 30.0
"""Longest wait between two tries; a machine may be back after hours."""
MAX_DEATHS = 3
"""An evaluator that Ray calls dead, not only unavailable, this often in a row is given up."""
LOOK_S = 5.0
"""Seconds between two looks at an evaluator that does not come up."""
PIN_S = 10.0
"""Seconds for which evaluators wait for each other before they share out the cores."""
LOST = (RayActorError, NodeDiedError, OutOfMemoryError)
"""Errors that Ray raises if an evaluator was killed; its job can be tried again."""


@dataclass(frozen=True)
class Staff:
    """How many evaluators are up, and the news since the last call."""

    wanted: int
    up: int
    news: list[str]


@dataclass
class Seat:
    """An evaluator, with what the broker knows of it."""

    evaluator: Any
    place: Place | None = None
    is_up: bool = False
    deaths: int = 0
    """How often in a row it has died without being up in between."""
    pinned: tuple[int, ...] | None = None
    """The cores that it was pinned to; None before that."""
    group_sizes: dict[tuple[str, Fidelity], int] = field(default_factory=dict)
    """(run, fidelity) -> jobs in a group. Its first answer sets it; before that it gets one job."""


class Seats:
    """All evaluators that are up or may come back."""

    def __init__(
        self,
        evaluators: Sequence[Any],
        precision: Precision,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task],
        on_up: Callable[[Seat], None],
        on_none_left: Callable[[str], None],
    ) -> None:
        """Call `on_up` with each that can work, `on_none_left` with the reason if none is left."""
        self.all = [Seat(evaluator) for evaluator in evaluators]
        self.let_go: list[str] = []
        """A line for the record about each evaluator that was given up."""
        self.reference: Place | None = None
        """The place of the first evaluator that was up; all others must train alike."""
        self._num_wanted, self._precision = len(self.all), precision
        self._spawn, self._on_up, self._on_none_left = spawn, on_up, on_none_left
        self._news: list[str] = []
        self._last_loss = ""
        self._is_patient = True
        self._starting: list[asyncio.Task] = []

    async def ready(self) -> int:
        """Wait until one evaluator is up, and return how many there will be.

        Raises:
            InputError: no evaluator could be started.
        """
        if not self._starting:
            self._starting = [self._spawn(self.employ(seat)) for seat in self.all]
            self._spawn(self._stop_waiting_for_all())
        for is_up in asyncio.as_completed(self._starting):
            if await is_up:
                return len(self.all)
        raise InputError(f"no evaluator could be started: {self._last_loss}")

    def staff(self) -> Staff:
        """How many evaluators are up. Each piece of news is returned once."""
        news, self._news = self._news, []
        return Staff(self._num_wanted, sum(seat.is_up for seat in self.all), news)

    async def employ(self, seat: Seat, delay_s: float = 0.0) -> bool:
        """Wait until an evaluator is up, then give it work; try again if it is lost meanwhile."""
        await asyncio.sleep(delay_s)
        try:
            seat.place, seat.pinned = await self._introduced(seat), None
        except LOST as error:
            seat.deaths += isinstance(error, ActorDiedError)
            if seat.deaths >= MAX_DEATHS:
                self._let_go_of(seat, error)
            else:
                self.note_loss(seat, error)
                next_s = min(2 * delay_s or RETURN_S, MAX_RETURN_S)
                self._spawn(self.employ(seat, next_s))
            return False
        if why := self._is_unlike(seat.place):
            self._let_go_of(seat, RayActorError(error_msg=why))
            return False
        seat.is_up, seat.deaths = True, 0
        self._pin()
        self._on_up(seat)
        return True

    def _is_unlike(self, place: Place) -> str:
        """Why scores of this evaluator cannot be compared with the others'; empty if they can."""
        self.reference = self.reference or place
        one, first = (
            arithmetic(self._precision, p.device_type, p.has_bf16) for p in (place, self.reference)
        )
        if one == first:
            return ""
        return (
            f"it would train in {one}, the others train in {first}: state classifier.precision, or "
            "use machines of one kind"
        )

    async def _introduced(self, seat: Seat) -> Place:
        """The place of an evaluator, once it is up.

        If the process of an evaluator ends while it starts, Ray silently restarts it forever. Such
        an evaluator is killed after `MAX_DEATHS` restarts.
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

    def note_loss(self, seat: Seat, error: Exception) -> None:
        """Add the loss to the news, unless it repeats the last news."""
        why = describe_loss(error)
        if seat.is_up or self._last_loss != why:
            self._news.append(f"an evaluator was lost: {why}. Others go on with its work")
        self._last_loss, seat.is_up = why, False

    def _let_go_of(self, seat: Seat, error: Exception) -> None:
        """Give up an evaluator. The others get its cores and its work."""
        self.all.remove(seat)
        self._last_loss = describe_loss(error)
        told = f"an evaluator was given up: {self._last_loss}"
        self._news.append(told)
        self.let_go.append(told)
        self._pin()
        if not self.all:
            self._on_none_left(told)

    async def _stop_waiting_for_all(self) -> None:
        await asyncio.sleep(PIN_S)
        self._is_patient = False
        self._pin()

    def _pin(self) -> None:
        """Share out the cores once all evaluators are up, or after a while those that are up."""
        known = [(seat, seat.place) for seat in self.all if seat.place]
        if self._is_patient and len(known) < len(self.all):
            return
        shares = share_cores([place for _, place in known])
        for (seat, _), share in zip(known, shares, strict=True):
            if seat.pinned != share:
                seat.evaluator.pin.remote(share)
                seat.pinned = share
