"""Cells that are made in several processes at a time."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from .files import Cell

Work = Mapping[str, Callable[[], Cell]]
"""Key -> what makes the cell; it travels to another process."""


def made_in_processes(work: Work, processes: int) -> Iterator[tuple[str, Cell]]:
    """Key and cell as each is done, begun in the order given."""
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as workers:
        futures = {workers.submit(make): key for key, make in work.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            # Or the workers would go on for hours, and nobody would write down what they find.
            workers.shutdown(cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """Have this worker end when the benchmark is killed, rather than work on for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
