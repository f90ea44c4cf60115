"""Work in portions: in order, by processes where there is much of it, whatever becomes of them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import rlsel
import rlsel.data.decoding.crew as crew_module
from rlsel.data.decoding.crew import Crew
from rlsel.errors import InputError

HERE = os.getpid()
FEW, MANY = 37, 1201


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setattr(crew_module.os, "sched_getaffinity", lambda _: {0, 1})
    with Crew() as crew:
        yield crew


def doubled(numbers: list[int]) -> tuple[list[int], int]:
    return [2 * number for number in numbers], os.getpid()


def failing(numbers: list[int]) -> tuple[list[int], int]:
    if 700 in numbers:
        raise InputError("700 is too many")
    return doubled(numbers)


def dying(numbers: list[int]) -> tuple[list[int], int]:
    if 700 in numbers and os.getpid() != HERE:
        os.kill(os.getpid(), signal.SIGKILL)
    return doubled(numbers)


@pytest.mark.parametrize("num", [0, 1, FEW, MANY])
@pytest.mark.parametrize("in_threads", [True, False])
def test_results_come_in_order_and_none_is_missing(crew: Crew, num: int, in_threads: bool) -> None:
    results = [*crew.in_portions(doubled, iter(range(num)), num, in_threads)]

    assert [number for found, _ in results for number in found] == [*range(0, 2 * num, 2)]
    assert max((len(found) for found, _ in results), default=0) <= crew_module.LARGEST


@pytest.mark.parametrize(
    ("num", "in_threads", "are_done_here"),
    [(FEW, False, True), (MANY, True, True), (MANY, False, False)],
)
def test_many_things_are_done_by_processes(
    crew: Crew, num: int, in_threads: bool, are_done_here: bool
) -> None:
    done_by = {pid for _, pid in crew.in_portions(doubled, range(num), num, in_threads)}

    assert (HERE in done_by) == are_done_here
    assert len(done_by) <= (1 if are_done_here else 2)


def test_one_core_is_not_shared_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module.os, "sched_getaffinity", lambda _: {0})

    with Crew() as crew:
        assert {pid for _, pid in crew.in_portions(doubled, range(MANY), MANY)} == {HERE}


def test_only_so_many_things_are_in_hand_at_once(crew: Crew) -> None:
    taken = 0

    def things() -> Iterator[int]:
        nonlocal taken
        for number in range(10 * MANY):
            taken += 1
            yield number

    results = crew.in_portions(doubled, things(), 10 * MANY)
    next(results)

    assert taken <= crew_module.AT_ONCE + crew_module.LARGEST


def test_an_error_takes_the_place_of_its_result(crew: Crew) -> None:
    found: list[int] = []
    results = crew.in_portions(failing, range(MANY), MANY)

    with pytest.raises(InputError, match="700 is too many"):
        found.extend(number for numbers, _ in results for number in numbers)

    assert found == [*range(0, 2 * len(found), 2)]
    assert 700 - crew_module.LARGEST < len(found) <= 700


def test_what_an_ended_process_leaves_is_done_here(crew: Crew) -> None:
    results = [*crew.in_portions(dying, range(MANY), MANY)]

    assert [number for found, _ in results for number in found] == [*range(0, 2 * MANY, 2)]
    assert HERE in {pid for _, pid in results}
    assert not crew.has_processes_for(MANY)


def test_where_no_process_can_be_forked_threads_do_it(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **others: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(crew_module, "ProcessPoolExecutor", refuse)

    assert {pid for _, pid in crew.in_portions(doubled, range(MANY), MANY)} == {HERE}


def test_if_only_some_processes_can_be_forked_they_are_ended(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork, forked = os.fork, []

    def fork_once() -> int:
        if forked:
            raise BlockingIOError("Resource temporarily unavailable")
        forked.append("one")
        return fork()

    monkeypatch.setattr(os, "fork", fork_once)

    assert {pid for _, pid in crew.in_portions(doubled, range(MANY), MANY)} == {HERE}
    assert forked
    for child in multiprocessing.active_children():
        child.join(20)
        assert not child.is_alive()


ORPHANS = """
import os, signal, time
from rlsel.data.decoding.crew import Crew

def sleeping(numbers):
    time.sleep(0.01)
    return os.getpid()

os.sched_getaffinity = lambda _: {0, 1}
with Crew() as crew:
    for pid in crew.in_portions(sleeping, range(100_000), 100_000):
        print(pid, flush=True)
"""


def test_processes_end_with_the_one_that_forked_them() -> None:
    root = Path(rlsel.__file__).parent.parent
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = {int(next(parent.stdout)) for _ in range(20)}
        parent.kill()

    assert parent.pid not in pids
    until = time.monotonic() + 20
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
