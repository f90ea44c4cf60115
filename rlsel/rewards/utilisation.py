"""How much of the evaluators' time is spent at work."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TimeUsed:
    """Evaluator-seconds since the pool began; n evaluators have n of them every second."""

    work_s: float
    """Time at work by the evaluators' own clocks, for finished jobs, without transfers."""
    wanted_s: float
    """Time in which an evaluation was awaited, so that evaluators could have worked."""
    total_s: float

    def since(self, earlier: "TimeUsed") -> "TimeUsed":
        return TimeUsed(
            self.work_s - earlier.work_s,
            self.wanted_s - earlier.wanted_s,
            self.total_s - earlier.total_s,
        )

    def shares(self) -> dict[str, float]:
        """Time at work as a share of the time that work was wanted, and of all time; or NaN."""
        return {
            "while_wanted": self.work_s / self.wanted_s if self.wanted_s else math.nan,
            "of_all_time": self.work_s / self.total_s if self.total_s else math.nan,
        }


class Stopwatch:
    """Adds up evaluator-seconds."""

    def __init__(self, num_evaluators: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._num_evaluators, self._clock = num_evaluators, clock
        self._num_wanted = 0
        self._work_s = self._wanted_s = self._total_s = 0.0
        self._last = clock()

    def wanted(self, change: int) -> None:
        """Change the number of requests that wait for an answer."""
        self._add_up()
        self._num_wanted += change

    def worked(self, work_s: float) -> None:
        """Add the time that one evaluator has worked."""
        self._work_s += work_s

    def read(self) -> TimeUsed:
        self._add_up()
        return TimeUsed(self._work_s, self._wanted_s, self._total_s)

    def _add_up(self) -> None:
        now = self._clock()
        passed_s, self._last = (now - self._last) * self._num_evaluators, now
        self._total_s += passed_s
        if self._num_wanted:
            self._wanted_s += passed_s
