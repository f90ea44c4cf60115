import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from rlsel import monitoring
from rlsel.monitoring import GIB, PeakMemory

BLOCK_BYTES = 96 * 2**20
CHILD = f"x = bytearray(b'1') * {BLOCK_BYTES}; print(flush=True); input()"


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    """However long a look takes: the blocks below live for a fraction of a second."""
    monkeypatch.setattr(monitoring, "CPU_SHARE", 1.0)


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> list[psutil.Process]:
    """The processes that are measured: this one alone, whatever other tests left running."""
    processes = [psutil.Process()]
    monkeypatch.setattr(monitoring, "_family", lambda: processes)
    return processes


@pytest.mark.usefixtures("family")
def test_peak_remembers_memory_that_was_given_back():
    with PeakMemory(interval_s=0.02) as memory:
        before = memory.gib
        block = np.ones(BLOCK_BYTES, dtype=np.uint8)
        time.sleep(0.2)
        del block
    assert memory.gib - before == pytest.approx(BLOCK_BYTES / GIB, rel=0.3)


def test_children_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = psutil.Process()
    others = set(ours.children(recursive=True))
    find = monitoring._family
    monkeypatch.setattr(monitoring, "_family", lambda: [p for p in find() if p not in others])
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
    assert memory.gib - before == pytest.approx(BLOCK_BYTES / GIB, rel=0.3)


def test_a_process_that_vanishes_counts_nothing(family: list[psutil.Process]) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    gone = psutil.Process(child.pid)
    child.wait()
    with PeakMemory() as alone:
        pass
    family.append(gone)
    with PeakMemory() as memory:
        pass
    assert memory.gib == pytest.approx(alone.gib, rel=0.1)


def test_an_error_in_the_block_passes_through_and_stops_the_watch():
    memory = PeakMemory(interval_s=0.02)
    with pytest.raises(ZeroDivisionError), memory:
        raise ZeroDivisionError
    assert memory.gib > 0
    assert not memory._thread.is_alive()
