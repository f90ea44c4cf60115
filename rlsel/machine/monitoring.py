"""`PeakMemory`: the peak memory of a run, over all of its processes."""

import os
import threading
import time
from types import TracebackType

import psutil

INTERVAL_S = 1.0
CPU_SHARE = 0.005
"""Largest share of one core that each of the two kinds of measurement may take. Measurements become
rarer until their cost is below it."""
NEWS = 1.01
"""If an estimate exceeds the peak so far by this factor, PSS is measured at once."""
GIB = 2**30
VANISHED = (psutil.Error, OSError)


class PeakMemory:
    """Measures while a `with` block runs: `with PeakMemory() as memory: ...; memory.gib`.

    This process and all its descendants are counted. A Ray session that this process starts
    (`ray.init()` without an address) is among them: the raylet, the store and the dashboard are
    children of the driver, and workers are children of the raylet. A Ray session that was there
    before, processes on other machines and GPU memory are not counted.

    The proportional set size (PSS) is summed: memory in RAM, where a page shared by k processes
    counts 1/k in each. So Ray's object store and libraries count once; in a sum of resident set
    sizes (RSS) they would count in every process. Systems other than Linux have no PSS. There the
    unique set size (USS) is summed, which leaves shared pages out.

    Reading PSS costs 1 to 10 ms per process, so it is read every few seconds. Every second in
    between, the private memory of each process is summed (RSS - shared; microseconds), and PSS is
    read at once if that sum points to a new peak. A peak shorter than a second may be missed.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._peak = 0.0
        self._shared = 0.0
        """The last full measurement minus the private memory at that time."""
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
        """Update the peak, and return the CPU seconds that a full measurement took."""
        processes = _family()
        private = sum(private_bytes(process) for process in processes)
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
    """This process and its living descendants."""
    own = psutil.Process(os.getpid())
    try:
        return [own, *own.children(recursive=True)]
    except VANISHED:
        return [own]


def private_bytes(process: psutil.Process) -> float:
    """Memory in RAM that no other process and no file shares; 0 if the process has ended."""
    try:
        info = process.memory_info()
    except VANISHED:
        return 0.0
    return float(info.rss - getattr(info, "shared", 0))


def _proportional_bytes(process: psutil.Process) -> float:
    try:
        info = process.memory_full_info()
    except psutil.AccessDenied:  # another user's process, such as a setuid helper
        return private_bytes(process)
    except VANISHED:
        return 0.0
    return float(getattr(info, "pss", 0) or info.uss)
