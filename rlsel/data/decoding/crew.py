"""Many small things, worked on in portions by processes or threads; the results come in order."""

import gc
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import current_process, get_context
from types import TracebackType
from typing import TypeVar

from PIL import Image

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 64
"""Things in a portion at most. To hand one over takes time, as decoding a small image does."""
AT_ONCE = 512
"""Things that are handed out and whose result was not taken yet; they bound the memory."""
FOR_A_PROCESS = 500
"""Things that a process is forked for; fewer do not repay the fork."""
MOST_PROCESSES = 32


class Crew:
    """Processes for many things and threads for few, started when they are needed, for a `with`.

    Threads wait for each other where images are small, because Pillow releases Python's lock for
    the decoding alone. Processes are forked, as the DataLoader of PyTorch does it: fresh ones would
    first have to import everything. They take no lock that another thread may have held, as they do
    nothing but what they are handed.
    """

    def __init__(self) -> None:
        self._num_cores = len(os.sched_getaffinity(0))
        self._threads = ThreadPoolExecutor(self._num_cores, thread_name_prefix="decode")
        self._processes: ProcessPoolExecutor | None = None
        # multiprocessing lets its own daemons have no children.
        self._may_fork = self._num_cores > 1 and not current_process().daemon

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._processes:
            self._processes.shutdown(cancel_futures=True)

    def has_processes_for(self, num: int) -> bool:
        """Whether so many things are worth processes, and processes can be had."""
        return self._may_fork and num >= 2 * FOR_A_PROCESS

    def in_portions(
        self,
        work: Callable[[list[T]], R],
        things: Iterable[T],
        num: int,
        in_threads: bool = False,
        largest: int = LARGEST,
    ) -> Iterator[R]:
        """Results of `work` on consecutive portions of `things`, in order.

        Args:
            work: It may be sent to another process, with its arguments and results.
            num: The number of `things`.
            in_threads: Use no processes, however many things there are.
            largest: Things in a portion at most.

        Raises:
            Exception: `work` raised it; no later result is given.
        """
        in_threads = in_threads or not self.has_processes_for(num)
        largest = min(largest, AT_ONCE // (3 * self._num_cores), num // (4 * self._num_cores))
        size = max(1, largest)
        rest = iter(things)
        waiting: deque[tuple[list[T], Future[R]]] = deque()
        try:
            while portion := list(islice(rest, size)):
                waiting.append((portion, self._submit(work, portion, num, in_threads)))
                if len(waiting) * size >= AT_ONCE:
                    yield self._result(work, *waiting.popleft())
            while waiting:
                yield self._result(work, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _submit(
        self, work: Callable[[list[T]], R], portion: list[T], num: int, in_threads: bool
    ) -> Future[R]:
        if self._may_fork and not in_threads:
            try:
                return self._forked(num).submit(work, portion)
            except (OSError, BrokenProcessPool):  # such as too little memory for one more process
                self._do_without_processes()
        return self._threads.submit(work, portion)

    def _result(self, work: Callable[[list[T]], R], portion: list[T], future: Future[R]) -> R:
        try:
            return future.result()
        except BrokenProcessPool:  # somebody ended a process, such as a system short of memory
            self._do_without_processes()
            return work(portion)

    def _do_without_processes(self) -> None:
        self._may_fork = False
        # If only some could be forked, the pool does not end them, and Python would wait for them.
        started = self._processes._processes if self._processes else None
        for process in list((started or {}).values()):
            process.terminate()

    def _forked(self, num: int) -> ProcessPoolExecutor:
        if self._processes is None:
            Image.preinit()  # once here, and not again in every process
            self._processes = ProcessPoolExecutor(
                min(self._num_cores, MOST_PROCESSES, num // FOR_A_PROCESS),
                get_context("fork"),
                initializer=_serve,
                initargs=(os.getpid(),),
            )
            with warnings.catch_warnings():
                # Python 3.12 warns of any fork beside other threads; the class says why it is safe.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._processes.submit(int)  # the first one forks all processes
        return self._processes


def _serve(parent: int) -> None:
    """Prepare a forked process: it leaves the parent's objects and Ctrl-C to the parent, and ends
    with it."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
