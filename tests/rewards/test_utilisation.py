"""How much of the evaluators' time was used, on a clock that is turned by hand."""

import math

import pytest

from rlsel.rewards.utilisation import Stopwatch, TimeUsed


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_time_counts_as_wanted_only_while_somebody_waits(clock: Clock) -> None:
    watch = Stopwatch(3, clock)
    clock.now += 7
    watch.wanted(+1)
    clock.now += 2
    watch.wanted(+1)
    clock.now += 3
    watch.wanted(-1)
    watch.wanted(-1)
    clock.now += 11

    assert watch.read() == TimeUsed(work_s=0.0, wanted_s=15.0, total_s=69.0)


def test_one_evaluator_of_two_at_work_throughout_is_half(clock: Clock) -> None:
    watch = Stopwatch(2, clock)
    watch.wanted(+1)
    clock.now += 5
    watch.worked(5.0)
    watch.wanted(-1)
    clock.now += 5

    assert watch.read().shares() == {"while_wanted": 0.5, "of_all_time": 0.25}


def test_a_run_counts_from_where_it_was_opened(clock: Clock) -> None:
    watch = Stopwatch(1, clock)
    watch.wanted(+1)
    clock.now += 13
    opened = watch.read()
    clock.now += 4
    watch.worked(3.0)

    shares = watch.read().since(opened).shares()

    assert shares == {"while_wanted": 0.75, "of_all_time": 0.75}


def test_nothing_wanted_is_no_share_at_all(clock: Clock) -> None:
    shares = Stopwatch(2, clock).read().shares()

    assert all(math.isnan(share) for share in shares.values())
