"""Tells a user who waits for evaluators what is wanted, up and free, and what was lost."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.rewards.plan import EvaluatorPlan, Node
from rlsel.rewards.staff import Staff

FIRST_S = 10.0
"""Waited before the first line."""
AGAIN_S = 60.0
"""Between two lines about the same."""
LOOK_S = 2.0
"""Between two looks."""


class StaffWatch:
    """Looks after evaluators and machines now and then; prints where somebody has to wait."""

    def __init__(
        self,
        plan: EvaluatorPlan,
        staff: Callable[[], Staff],
        nodes: Callable[[], Mapping[str, Node]],
        free: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look through `staff` (the broker), `nodes` (by name) and `free` (in words)."""
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
            # Those that are lost later are waited for afresh.
            self._next, self._last_up = self._clock() + FIRST_S, None

    def _tell_of_waiting(self, staff: Staff) -> None:
        # Where some are up it goes on, and one line is enough until their number changes.
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
    """Look every few seconds, from another thread, until the block ends."""
    is_over = threading.Event()

    def look_on() -> None:
        while not is_over.wait(LOOK_S):
            try:
                watch.look()
            except Exception:  # Ray is ending; whoever works with it is told why
                return

    thread = threading.Thread(target=look_on, name="rlsel-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(LOOK_S)
