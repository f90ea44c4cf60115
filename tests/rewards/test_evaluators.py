"""The pool of evaluators: one payment a job, whoever asks, whatever dies."""

import os
import pickle
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray
from small_workbench import NUM_CANDIDATES, none, probe_job, right, small_workbench

from rlsel.classifier import ClassifierConfig
from rlsel.errors import InputError, find_input_error
from rlsel.rewards import Job, Ledger, LocalEvaluations
from rlsel.rewards.plan import EvaluatorPlan, Place, share_cores
from rlsel.rewards.pool import (
    EvaluationPool,
    RayEvaluations,
    get_broker,
    open_run,
    running_broker,
)

TWO = EvaluatorPlan(count=2, cpus_each=0.1, gpus_each=0.0, reason="a test")
FULL = Job(right(), "full", seed=0, split="reward_val")
BROKEN = probe_job(right(), split="test")
"""Raises: no features of test are made, so that nobody can probe it."""
START_S = 60.0
"""For a process of Ray to start, on a machine that is busy."""


@pytest.fixture(scope="module")
def broker(ray_cluster: None) -> Iterator[Any]:
    """One of its own: other tests may have left theirs running."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlsel.rewards.pool._broker_name", lambda: "broker of these tests")
        with running_broker(TWO) as started:
            yield started


def pool_of(evaluations: RayEvaluations) -> EvaluationPool:
    here = LocalEvaluations(small_workbench(), Ledger(Path(evaluations.run_id)))
    asked = partial(statistics, evaluations)
    return EvaluationPool(evaluations, TWO.count, here, "cpu fp32", asked)


@pytest.fixture
def open_one(broker: Any, tmp_path: Path) -> Iterator[Callable[..., RayEvaluations]]:
    """Opens a run of its own, by name; all are closed in the end."""
    opened: list[RayEvaluations] = []

    def open_named(name: str = "run", **changed: Any) -> RayEvaluations:
        opened.append(open_run(broker, small_workbench(**changed), tmp_path / f"{name}.sqlite"))
        return opened[-1]

    yield open_named
    for evaluations in opened:
        ray.get(broker.close.remote(evaluations.run_id))


def statistics(evaluations: RayEvaluations) -> dict[str, Any]:
    return ray.get(get_broker().statistics.remote(evaluations.run_id))


def evaluators(method: str = "") -> list[psutil.Process]:
    """The workers, or those that are just in a method; Ray puts that into their title."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if any(f"Evaluator{method}" in word for word in process.cmdline()):
                found.append(process)
    return found


def busy_evaluators() -> list[psutil.Process]:
    return evaluators(".evaluate")


def wait_until(condition: Callable[[], Any], timeout_s: float = START_S) -> Any:
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, "what was waited for never came"
        time.sleep(0.02)
    return found


@pytest.mark.slow
def test_equal_requests_in_flight_are_trained_once(open_one) -> None:
    evaluations = open_one()

    answers = list(evaluations.many([FULL] * 7))

    assert all(answer == answers[0] for answer in answers)
    known = statistics(evaluations)
    assert (known["trained"], known["from_ledger"]) == ({"full": 1}, {"full": 6})


def test_a_repeat_is_answered_from_the_ledger(open_one) -> None:
    evaluations = open_one()

    once, again = (evaluations.one(probe_job(right())) for _ in range(2))

    assert again == once
    known = statistics(evaluations)
    assert (known["trained"], known["from_ledger"]) == ({"probe": 1}, {"probe": 1})


def test_a_run_that_is_opened_again_finds_what_it_paid_for(broker: Any, open_one) -> None:
    first = open_one()
    paid = first.one(probe_job(right()))
    ray.get(broker.close.remote(first.run_id))

    again = open_one()

    assert again.one(probe_job(right())) == paid
    known = statistics(again)
    assert (known["trained"], known["from_ledger"]) == ({"probe": 1}, {"probe": 1})


def test_opening_an_open_run_changes_nothing(open_one) -> None:
    evaluations = open_one()
    evaluations.one(probe_job(right()))
    evaluations.one(probe_job(right()))

    open_one()

    assert statistics(evaluations)["from_ledger"] == {"probe": 1}


def test_runs_on_one_broker_keep_separate_ledgers(open_one, tmp_path: Path) -> None:
    one, other = open_one("one"), open_one("other")

    assert one.one(probe_job(right())).scores == other.one(probe_job(right())).scores
    one.one(probe_job(none()))

    assert statistics(one)["trained"] == {"probe": 2}
    assert statistics(other)["trained"] == {"probe": 1}
    assert statistics(other)["from_ledger"] == {}
    for name, num_rows in (("one", 2), ("other", 1)):
        ledger = Ledger(tmp_path / f"{name}.sqlite")
        assert len(ledger) == num_rows
        ledger.close()


@pytest.mark.slow
def test_scores_are_those_of_evaluations_in_this_process(open_one, tmp_path: Path) -> None:
    evaluations = open_one()
    ledger = Ledger(tmp_path / "local.sqlite")
    local = LocalEvaluations(small_workbench(), ledger)
    jobs = [probe_job(mask_N) for mask_N in (right(), ~right(), none())]
    jobs += [probe_job(right(), split="selection_val"), FULL]
    jobs += [Job(~right(), "full", seed=1, split="test")]

    answers = list(evaluations.many(jobs))

    expected = list(local.many(jobs))
    ledger.close()
    for answer, known in zip(answers, expected, strict=True):
        # Probes that are solved in another group differ in the last bit.
        for metric, values in known.scores.items():
            assert answer.scores[metric] == pytest.approx(values, rel=1e-12)
    assert [answer.num_train for answer in answers] == [answer.num_train for answer in expected]


@pytest.mark.slow
def test_all_evaluators_work(open_one) -> None:
    evaluations = open_one()
    jobs = [Job(right(), "full", seed=seed, split="test") for seed in range(4)]

    workers = Counter(answer.worker for answer in evaluations.many(jobs))

    assert len(workers) == TWO.count


@pytest.mark.slow
def test_the_job_of_a_killed_evaluator_is_carried_out_by_another(open_one) -> None:
    # Long enough to be found at work.
    evaluations = open_one(classifier=ClassifierConfig(epochs=10, batch_size=16, precision="fp32"))
    reference = evaluations._ask(FULL)
    (first,) = wait_until(busy_evaluators)

    os.kill(first.pid, signal.SIGKILL)

    answer = ray.get(reference)
    assert answer.num_train == 17 + right().sum()
    known = statistics(evaluations)
    assert (known["trained"], known["from_ledger"]) == ({"full": 1}, {})


def test_an_error_in_a_job_reaches_everybody_who_asked_for_it(open_one) -> None:
    evaluations = open_one()
    references = [evaluations._ask(BROKEN) for _ in range(3)]

    for reference in references:
        with pytest.raises(KeyError):
            ray.get(reference)


def test_an_error_in_a_job_does_not_stop_the_pool(open_one) -> None:
    evaluations = open_one()
    for _ in range(2 * TWO.count):
        with pytest.raises(KeyError):
            evaluations.one(BROKEN)

    assert evaluations.one(probe_job(right())).num_train == 17 + right().sum()
    assert statistics(evaluations)["trained"] == {"probe": 1}


def test_the_broker_remembers_what_failed_for_whoever_was_not_told(broker: Any, open_one) -> None:
    evaluations = open_one()
    assert ray.get(broker.failures.remote(evaluations.run_id)) == []

    with pytest.raises(KeyError):
        evaluations.one(BROKEN)

    (failure,) = ray.get(broker.failures.remote(evaluations.run_id))
    assert isinstance(failure, KeyError)


def test_utilisation_is_a_share_of_the_evaluators_time(open_one) -> None:
    evaluations = open_one()
    list(evaluations.many(probe_job(np.arange(NUM_CANDIDATES) < n) for n in range(7)))

    shares = pool_of(evaluations).utilisation()

    assert 0.0 < shares["of_all_time"] <= shares["while_wanted"] <= 1.0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="nobody can be pinned here")
def test_evaluators_are_on_the_cores_that_are_theirs(open_one) -> None:
    list(open_one().many([FULL, replace(FULL, seed=1)]))

    pinned = [tuple(process.cpu_affinity()) for process in evaluators()]

    place = Place("here", tuple(sorted(os.sched_getaffinity(0))))
    assert {*share_cores([place] * TWO.count)} <= {*pinned}, "beside those of other tests"


def test_waiting_probes_go_together(open_one) -> None:
    evaluations = open_one()
    masks = [np.arange(NUM_CANDIDATES) < n for n in range(NUM_CANDIDATES)]

    answers = list(evaluations.many(map(probe_job, masks)))

    assert [answer.num_train for answer in answers] == [17 + n for n in range(NUM_CANDIDATES)]
    # Those of a group are charged an equal part of its time, so they have the same.
    assert len({answer.train_s for answer in answers}) < NUM_CANDIDATES


def test_a_training_that_runs_away_is_scored_written_down_and_stops_nothing(open_one) -> None:
    classifier = ClassifierConfig(epochs=2, batch_size=16, precision="fp32", lr=1e30)
    evaluations = open_one(classifier=classifier)

    run_away = evaluations.one(FULL)

    assert run_away.best("log_loss") < -np.log(2)
    assert run_away.best("auc") <= 0.5
    assert statistics(evaluations)["trained"] == {"full": 1}
    assert evaluations.one(FULL).best("auc") == run_away.best("auc")
    assert evaluations.one(probe_job(right())).num_train == 17 + right().sum()


def test_counts_have_totals_and_every_fidelity(open_one) -> None:
    evaluations = open_one()
    list(evaluations.many([probe_job(right()), probe_job(none()), probe_job(right())]))

    assert pool_of(evaluations).counts() == {
        "by_fidelity": {"probe": {"trained": 2, "from_ledger": 1}},
        "trained": 2,
        "from_ledger": 1,
    }


def test_evaluations_pickle(open_one) -> None:
    evaluations = open_one()
    here = evaluations.one(probe_job(right()))

    there = pickle.loads(pickle.dumps(evaluations))

    assert there.one(probe_job(right())) == here


def test_a_ledger_of_garbage_is_a_mistake_of_the_users(broker: Any, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"garbage" * 100)

    with pytest.raises(InputError) as raised:
        open_run(broker, small_workbench(), path)

    mistake = find_input_error(raised.value)
    assert type(mistake) is InputError
    assert str(mistake).startswith(f"{path}: cannot be opened as a ledger")


def test_whoever_comes_second_gets_the_broker_that_is_there(broker: Any, open_one) -> None:
    with running_broker(EvaluatorPlan(5, 0.1, 0.0, "another")) as same:
        assert same._actor_id == broker._actor_id
        assert ray.get(same.ready.remote()) == TWO.count

    # It was not the second one's to end.
    assert open_one().one(probe_job(none())).num_train == 17
