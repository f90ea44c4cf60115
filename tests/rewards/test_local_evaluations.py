"""In this process: every job is paid for once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_workbench import none, probe_job, right, small_workbench

from rlsel.rewards import Evaluation, Job, Ledger, LocalEvaluations, Workbench


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that were carried out, in order."""
    jobs: list[Job] = []
    evaluate = Workbench.evaluate

    def counting(bench: Workbench, job: Job) -> Evaluation:
        jobs.append(job)
        return evaluate(bench, job)

    monkeypatch.setattr(Workbench, "evaluate", counting)
    return jobs


def test_the_same_job_is_paid_for_once(ledger: Ledger, trained: list[Job]) -> None:
    evaluations = LocalEvaluations(small_workbench(), ledger)

    once, again = (evaluations.one(probe_job(right())) for _ in range(2))

    assert once == again
    assert len(trained) == 1
    assert evaluations.from_ledger == {"probe": 1}
    assert ledger.counts() == {"probe": 1}


def test_a_resumed_run_does_not_pay_again(ledger: Ledger, trained: list[Job]) -> None:
    paid = LocalEvaluations(small_workbench(), ledger).one(probe_job(right()))

    resumed = LocalEvaluations(small_workbench(), ledger)

    assert resumed.one(probe_job(right())) == paid
    assert len(trained) == 1


def test_many_answers_come_in_the_order_of_the_jobs(ledger: Ledger, trained: list[Job]) -> None:
    evaluations = LocalEvaluations(small_workbench(), ledger)
    masks = [right(), none(), right(), ~right()]

    answers = list(evaluations.many(probe_job(mask_N) for mask_N in masks))

    assert [answer.num_train for answer in answers] == [17 + int(mask_N.sum()) for mask_N in masks]
    assert len(trained) == 3
