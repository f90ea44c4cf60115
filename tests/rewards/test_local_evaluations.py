"""In this process: every job is paid for once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from small_workbench import none, probe_job, right, small_workbench

from rlsel.metrics import METRICS, Measure
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
    evaluate_many = Workbench.evaluate_many

    def counting(bench: Workbench, group: Sequence[Job]) -> list[Evaluation]:
        jobs.extend(group)
        return evaluate_many(bench, group)

    monkeypatch.setattr(Workbench, "evaluate_many", counting)
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


def test_what_was_paid_before_there_was_a_metric_is_evaluated_again_for_it(
    ledger: Ledger, trained: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalEvaluations(small_workbench(), ledger).one(probe_job(right()))
    monkeypatch.setitem(METRICS, "share", Measure(lambda logits, labels: 0.25, "share"))

    resumed = LocalEvaluations(small_workbench(), ledger)
    found = [resumed.one(probe_job(right(), metrics=("auc", "share"))) for _ in range(2)]

    assert [one.best("share") for one in found] == [0.25, 0.25]
    assert len(trained) == 2


def test_a_new_metric_costs_nothing_where_nobody_asks_for_it(
    ledger: Ledger, trained: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalEvaluations(small_workbench(), ledger).one(probe_job(right()))
    monkeypatch.setitem(METRICS, "share", Measure(lambda logits, labels: 0.25, "share"))

    LocalEvaluations(small_workbench(), ledger).one(probe_job(right(), metrics=("auc",)))

    assert len(trained) == 1


def test_many_answers_come_in_the_order_of_the_jobs(ledger: Ledger, trained: list[Job]) -> None:
    evaluations = LocalEvaluations(small_workbench(), ledger)
    masks = [right(), none(), right(), ~right()]

    answers = list(evaluations.many(probe_job(mask_N) for mask_N in masks))

    assert [answer.num_train for answer in answers] == [17 + int(mask_N.sum()) for mask_N in masks]
    assert len(trained) == 3


def test_jobs_of_several_kinds_are_answered_too(ledger: Ledger, trained: list[Job]) -> None:
    evaluations = LocalEvaluations(small_workbench(), ledger)
    jobs = [
        probe_job(mask_N, split=split)
        for mask_N in (none(), right())
        for split in ("reward_val", "selection_val")
    ]

    answers = list(evaluations.many([*jobs, jobs[0]]))

    for job, answer in zip(jobs, answers[:4], strict=True):
        alone = small_workbench().evaluate(job)
        assert answer.best("auc") == pytest.approx(alone.best("auc"), abs=1e-9)
    assert answers[4] == answers[0]
    assert evaluations.from_ledger == {"probe": 1}


def test_what_several_threads_ask_for_at_once_is_paid_for_once(
    ledger: Ledger, trained: list[Job]
) -> None:
    evaluations, together = LocalEvaluations(small_workbench(), ledger), Barrier(5)
    masks = [right(), none(), ~right()]

    def ask(number: int) -> list[Evaluation]:
        turned = masks[number % 3 :] + masks[: number % 3]
        together.wait()
        return list(evaluations.many(probe_job(mask_N) for mask_N in turned))

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(ask, range(5)))

    assert len(trained) == 3
    assert evaluations.from_ledger == {"probe": 12}
    assert ledger.counts() == {"probe": 3}
    first = answers[0]
    for number, other in enumerate(answers):
        assert other == first[number % 3 :] + first[: number % 3]


def test_an_error_in_one_thread_does_not_lock_out_the_others(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations = LocalEvaluations(small_workbench(), ledger)

    def fail(bench: Workbench, group: Sequence[Job]) -> list[Evaluation]:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(Workbench, "evaluate_many", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            evaluations.one(probe_job(right()))

    assert evaluations.one(probe_job(right())).num_train > 17
