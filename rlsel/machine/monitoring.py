"""`PeakMemory`: how much memory a run held at its worst, over all of its processes."""

import os
import threading
import time
from types import TracebackType

import psutil

INTERVAL_S = 1.0
CPU_SHARE = 0.005
"""Of one core. Looking is slowed down until each of the two ways of looking costs less."""
NEWS = 1.01
"""A total this many times the peak so far is measured properly at once."""
GIB = 2**30
VANISHED = (psutil.Error, OSError)


class PeakMemory:
    """Measures while a `with` block runs: `with PeakMemory() as memory: ...; memory.gib`.

    What counts is this process and all its descendants. A Ray session that this process starts
    (`ray.init()` without an address) is among them: the raylet, the store and the dashboard are
    children of the driver, and workers children of the raylet. A session that was there before,
    processes on other machines and GPU memory are not counted.

    What is summed is the proportional set size (PSS): memory in RAM, a page shared by k processes
    counting 1/k in each. So Ray's object store and libraries count once, which a sum of resident
    set sizes (RSS) would not give. Where the system has no PSS (other than Linux) it is the unique
    set size (USS), which leaves shared pages out.

    PSS costs 1 to 10 ms a process, so it is read every few seconds. In between, every second, the
    memory private to each process is summed (RSS - shared; microseconds), and PSS read at once when
    that points to a new peak. A peak shorter than a second may be missed.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._peak = 0.0
        self._shared = 0.0
        """What the last full measurement had beyond private memory."""
        self._next_measurement = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    @property
    def gib(self) -> float:
        """The peak so far, in GiB."""
        return self._peak / GIB

    def __enter__(self) -> "PeakMemory":
        self._look(measure=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look(measure=True)

    def _watch(self) -> None:
        wait_s = self._interval_s
        while not self._stop.wait(wait_s):
            start_s = time.thread_time()
            measurement_s = self._look(measure=time.monotonic() >= self._next_measurement)
            cheap_s = time.thread_time() - start_s - measurement_s
            wait_s = max(self._interval_s, cheap_s / CPU_SHARE)

    def _look(self, measure: bool) -> float:
        """Bring the peak up to date; returns the CPU seconds that a full measurement took."""
        processes = _family()
        private = sum(_private_bytes(process) for process in processes)
        if not measure and private + self._shared <= NEWS * self._peak:
            return 0.0
        start_s = time.thread_time()
        total = sum(_proportional_bytes(process) for process in processes)
        cost_s = time.thread_time() - start_s
        self._next_measurement = time.monotonic() + cost_s / CPU_SHARE
        self._shared = total - private
        self._peak = max(self._peak, total)
        return cost_s


def _family() -> list[psutil.Process]:
    """This process and its descendants, as far as they are still there."""
    own = psutil.Process(os.getpid())
    try:
        return [own, *own.children(recursive=True)]
    except VANISHED:
        return [own]


def _private_bytes(process: psutil.Process) -> float:
    try:
        info = process.memory_info()
    except VANISHED:
        return 0.0
    return float(info.rss - getattr(info, "shared", 0))


def _proportional_bytes(process: psutil.Process) -> float:
    try:
        info = process.memory_full_info()
    except psutil.AccessDenied:  # another user's process, such as a setuid helper
        return _private_bytes(process)
    except VANISHED:
        return 0.0
    return float(getattr(info, "pss", 0) or info.uss)
