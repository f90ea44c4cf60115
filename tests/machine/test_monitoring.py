"""Peak memory, in a process of its own: what this one shares with a Ray session comes and goes."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import psutil
import pytest

from rlsel.machine import monitoring
from rlsel.machine.monitoring import GIB, PeakMemory

BLOCK_BYTES = 96 * 2**20
CHILD = f"x = bytearray(b'1') * {BLOCK_BYTES}; print(flush=True); input()"


def apart(measure: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    with ProcessPoolExecutor(1, get_context("spawn"), look_often) as process:
        return process.submit(measure).result()


def look_often() -> None:
    """However long a look takes: the blocks below live for a fraction of a second."""
    monitoring.CPU_SHARE = 1.0


def around_a_block() -> tuple[float, float]:
    with PeakMemory(interval_s=0.02) as memory:
        before = memory.gib
        block = np.ones(BLOCK_BYTES, dtype=np.uint8)
        time.sleep(0.2)
        del block
    return before, memory.gib


def around_a_child() -> tuple[float, float]:
    with PeakMemory(interval_s=0.02) as memory:
        before = memory.gib
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.2)
            child.communicate("\n")
    return before, memory.gib


def with_one_that_vanished() -> tuple[float, float]:
    child = subprocess.Popen([sys.executable, "-c", ""])
    gone = psutil.Process(child.pid)
    child.wait()
    with PeakMemory() as alone:
        pass
    find = monitoring._family
    monitoring._family = lambda: [*find(), gone]
    with PeakMemory() as memory:
        pass
    return alone.gib, memory.gib


@pytest.mark.parametrize("measure", [around_a_block, around_a_child])
def test_peak_remembers_memory_that_was_given_back(
    measure: Callable[[], tuple[float, float]],
) -> None:
    before, peak = apart(measure)
    assert peak - before == pytest.approx(BLOCK_BYTES / GIB, rel=0.3)


def test_a_process_that_vanishes_counts_nothing() -> None:
    alone, peak = apart(with_one_that_vanished)
    assert peak == pytest.approx(alone, rel=0.1)


def test_an_error_in_the_block_passes_through_and_stops_the_watch() -> None:
    memory = PeakMemory(interval_s=0.02)
    with pytest.raises(ZeroDivisionError), memory:
        raise ZeroDivisionError
    assert memory.gib > 0
    assert not memory._thread.is_alive()
