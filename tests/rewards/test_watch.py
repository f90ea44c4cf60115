"""Whoever waits for evaluators is told what is wanted, up and free, and what was lost."""

import pytest

from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.staff import Staff
from rlsel.rewards.watch import StaffWatch, watching

PLAN = EvaluatorPlan(count=3, cpus_each=0.75, gpus_each=1.0, reason="a test")


class Watched:
    """A cluster whose state a test sets, and a clock."""

    def __init__(self) -> None:
        self.now, self.up, self.news = 0.0, 0, [""][:0]
        self.machines = {"head": (8.0, 0.0), "worker": (4.0, 1.0)}
        self.watch = StaffWatch(
            PLAN, self.staff, lambda: dict(self.machines), lambda: "0 GPUs are free", self.clock
        )

    def clock(self) -> float:
        return self.now

    def staff(self) -> Staff:
        news, self.news = self.news, []
        return Staff(3, self.up, news)


@pytest.fixture
def watched(capsys: pytest.CaptureFixture[str]) -> Watched:
    return Watched()


def said(watched: Watched, capsys: pytest.CaptureFixture[str]) -> list[str]:
    watched.watch.look()
    return capsys.readouterr().out.splitlines()


def test_waiting_is_told_after_ten_seconds_and_then_each_minute(watched, capsys) -> None:
    told = []
    for now in range(0, 200, 2):
        watched.now = float(now)
        if lines := said(watched, capsys):
            told.append(now)
            assert lines == [
                "waiting for evaluators: 3 wanted (0.75 cores and 1 GPU each), 0 up; "
                "0 GPUs are free"
            ]
    assert told == [10, 70, 130, 190]


def test_with_some_up_it_is_told_once_until_their_number_changes(watched, capsys) -> None:
    told = []
    for now, up in ((10, 1), (100, 1), (200, 2), (300, 2), (400, 3), (405, 2), (420, 2)):
        watched.now, watched.up = float(now), up
        told += [(now, up)] if said(watched, capsys) else []
    assert told == [(10, 1), (200, 2), (420, 2)]


def test_a_start_that_is_quick_says_nothing(watched, capsys) -> None:
    watched.now, watched.up = 9.0, 3
    assert said(watched, capsys) == []


def test_news_are_told_at_once_and_equal_ones_together(watched, capsys) -> None:
    watched.up, watched.news = 3, ["an evaluator was lost: its machine is gone"] * 2
    assert said(watched, capsys) == ["warning: an evaluator was lost: its machine is gone"]
    assert said(watched, capsys) == []


def test_a_machine_that_is_gone_is_told(watched, capsys) -> None:
    watched.up = 3
    del watched.machines["worker"]
    assert said(watched, capsys) == ["warning: a machine of the cluster was lost (4 cores, 1 GPU)"]
    assert said(watched, capsys) == []


def test_a_watch_whose_cluster_has_gone_ends_quietly(watched, monkeypatch) -> None:
    def fail() -> Staff:
        raise RuntimeError("Ray is down")

    monkeypatch.setattr("rlsel.rewards.watch.LOOK_S", 0.01)
    watched.watch._staff = fail
    with watching(watched.watch):
        pass
