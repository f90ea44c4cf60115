"""Tells a waiting user how many evaluators are wanted, up and free, and which were lost."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.rewards.plan import EvaluatorPlan, Node
from rlsel.rewards.staff import Staff

FIRST_S = 10.0
"""Seconds of waiting before the first line."""
AGAIN_S = 60.0
"""Seconds between two lines that say the same."""
LOOK_S = 2.0
"""Seconds between two looks."""


class StaffWatch:
    """Looks at evaluators and machines from time to time, and prints what a run waits for."""

    def __init__(
        self,
        plan: EvaluatorPlan,
        staff: Callable[[], Staff],
        nodes: Callable[[], Mapping[str, Node]],
        free: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each look asks `staff` (the broker), `nodes` (machines by name) and `free` (in words)."""
        self._plan, self._staff, self._nodes, self._free = plan, staff, nodes, free
        self._clock = clock
        self._known = nodes()
        self._next = clock() + FIRST_S
        self._last_up: int | None = None

    def look(self) -> None:
        """Print what is new."""
        staff, nodes = self._staff(), self._nodes()
        for name in self._known.keys() - nodes.keys():
            cores, gpus = self._known[name]
            _say(
                f"a machine of the cluster was lost ({cores:g} cores, {counted(int(gpus), 'GPU')})"
            )
        self._known = nodes
        for news in dict.fromkeys(staff.news):
            _say(news)
        if staff.up < staff.wanted:
            self._tell_of_waiting(staff)
        else:
            # If some are lost later, waiting for them begins anew.
            self._next, self._last_up = self._clock() + FIRST_S, None

    def _tell_of_waiting(self, staff: Staff) -> None:
        # While some evaluators are up the run goes on, so one line for each change is enough.
        if self._clock() < self._next or (staff.up and staff.up == self._last_up):
            return
        self._next, self._last_up = self._clock() + AGAIN_S, staff.up
        console.print(
            f"waiting for evaluators: {staff.wanted} wanted ({self._plan.each} each), "
            f"{staff.up} up; {self._free()}",
            markup=False,
        )


def _say(news: str) -> None:
    console.print(f"warning: {news}", style="yellow", markup=False)


@contextmanager
def watching(watch: StaffWatch) -> Iterator[None]:
    """Look every few seconds in another thread until the block ends."""
    is_over = threading.Event()

    def look_on() -> None:
        while not is_over.wait(LOOK_S):
            try:
                watch.look()
            except Exception:  # Ray is ending, and those who use it get the error
                return

    thread = threading.Thread(target=look_on, name="rlsel-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(LOOK_S)
