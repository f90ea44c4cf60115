"""Who gets which jobs when, and what becomes of the answers."""

import asyncio
from dataclasses import replace
from pathlib import Path

from fake_evaluator import (
    FakeEvaluator,
    ask,
    broker_of,
    everybody_has_had_a_turn,
    finish_all,
    job_of,
    run,
    sizes,
)

from rlsel.errors import InputError
from rlsel.rewards import Evaluation, Ledger


def test_a_lone_request_is_handed_out_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator(group_size=8)
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, 5)
            await everybody_has_had_a_turn()
            assert sizes(evaluator.groups) == [[5]]
            await finish_all(evaluator)
            assert (await asked[0]).num_train == 61

    run(test)


def test_a_row_of_the_ledger_that_lacks_the_metric_is_evaluated_again(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator, job = FakeEvaluator(), replace(job_of(5), metrics=("auc",))
        ledger = Ledger(tmp_path / "ledger.sqlite")
        ledger.put("a", job, Evaluation({"accuracy": [0.25]}, 1, 0.1))
        ledger.close()
        async with broker_of([evaluator], tmp_path) as broker:
            asked = asyncio.create_task(broker.evaluate("run", "a", job))
            await finish_all(evaluator)
            assert (await asked).best("auc") == 0.5
            assert (await broker.evaluate("run", "a", job)).best("auc") == 0.5
            assert sizes(evaluator.groups) == [[5]]

    run(test)


def test_what_waits_goes_together_as_far_as_it_is_worth_it(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator(group_size=3)
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, *range(1, 9))
            await finish_all(evaluator)
            # The first goes alone: nothing else was there, and nobody had said how many are good.
            assert sizes(evaluator.groups) == [[1], [8, 7, 6], [5, 4, 3], [2]]
            await asyncio.gather(*asked)

    run(test)


def test_jobs_of_another_fidelity_are_not_in_the_group(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator(group_size=8)
        async with broker_of([evaluator], tmp_path) as broker:
            ask(broker, 1)
            await finish_all(evaluator)
            asked = [*ask(broker, 2), *ask(broker, 31, 30, fidelity="probe"), *ask(broker, 5, 4)]
            await finish_all(evaluator)
            assert sizes(evaluator.groups[1:]) == [[2], [5, 4], [31], [30]]
            await asyncio.gather(*asked)

    run(test)


def test_only_evaluators_that_hold_a_closed_run_are_told_to_forget_it(tmp_path: Path) -> None:
    async def test() -> None:
        asked, idle = FakeEvaluator(), FakeEvaluator()
        async with broker_of([asked, idle], tmp_path) as broker:
            jobs = ask(broker, 1)
            await finish_all(asked)
            await asyncio.gather(*jobs)
        assert asked.forgotten == ["run"]
        assert idle.forgotten == []

    run(test)


def test_idle_evaluators_share_what_waits(tmp_path: Path) -> None:
    async def test() -> None:
        evaluators = [FakeEvaluator(group_size=64) for _ in range(3)]
        async with broker_of(evaluators, tmp_path) as broker:
            warm_up = ask(broker, 1, 2, 3)
            await finish_all(*evaluators)
            await asyncio.gather(*warm_up)
            # All wait before anybody is free.
            held, broker._idle = broker._idle, type(broker._idle)()
            asked = ask(broker, *range(10, 21))
            await everybody_has_had_a_turn()
            broker._idle = held
            broker._hand_out()
            await everybody_has_had_a_turn()
            assert sorted(len(one.groups[-1]) for one in evaluators) == [3, 4, 4]
            await finish_all(*evaluators)
            await asyncio.gather(*asked)

    run(test)


def test_an_evaluator_leaves_their_share_to_those_at_the_same_kind_of_work(tmp_path: Path) -> None:
    async def test() -> None:
        first, second = FakeEvaluator(group_size=64), FakeEvaluator(group_size=64)
        async with broker_of([first, second], tmp_path) as broker:
            asked = ask(broker, *range(1, 13))
            await everybody_has_had_a_turn()
            first.finish()
            await everybody_has_had_a_turn()
            assert [len(group) for group in first.groups] == [1, 5]
            second.finish()
            await everybody_has_had_a_turn()
            assert [len(group) for group in second.groups] == [1, 3]
            await finish_all(first, second)
            await asyncio.gather(*asked)

    run(test)


def test_a_job_goes_to_an_evaluator_that_has_prepared_for_its_run(tmp_path: Path) -> None:
    async def test() -> None:
        prepared, stranger = FakeEvaluator(), FakeEvaluator()
        async with broker_of([prepared, stranger], tmp_path) as broker:
            for num_kept in (1, 2, 3):
                asked = ask(broker, num_kept)
                await everybody_has_had_a_turn()
                prepared.finish()
                await asyncio.gather(*asked)
            assert len(prepared.groups) == 3
            assert not stranger.groups

    run(test)


def test_an_error_reaches_all_who_wait_and_the_evaluator_goes_on(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, 5, 5, 5)
            await everybody_has_had_a_turn()
            evaluator.fail(KeyError("wrong"))
            assert {type(e) for e in await asyncio.gather(*asked, return_exceptions=True)} == {
                KeyError
            }
            (again,) = ask(broker, 5)
            await finish_all(evaluator)
            await again

    run(test)


def test_answers_are_on_disk_before_they_are_heard_of(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        async with broker_of([evaluator], tmp_path) as broker:
            (asked,) = ask(broker, 5)
            found: list[int] = []
            ledger = Ledger(tmp_path / "ledger.sqlite")
            asked.add_done_callback(lambda task: found.append(len(ledger)))
            await finish_all(evaluator)
            await asked
            await everybody_has_had_a_turn()
            ledger.close()
            assert found == [1]

    run(test)


def test_what_waits_for_a_closed_run_is_not_carried_out(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, 5, 4, 3)
            await everybody_has_had_a_turn()
            await broker.close("run")
            evaluator.finish()  # what was begun comes too late to be written down
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            await everybody_has_had_a_turn()
            assert [type(outcome) for outcome in outcomes] == [
                *(Evaluation, RuntimeError, RuntimeError)
            ]
            assert len(evaluator.groups) == 1

    run(test)


def test_a_warning_is_kept_once_whoever_gives_it(tmp_path: Path) -> None:
    async def test() -> None:
        evaluators = [FakeEvaluator(), FakeEvaluator()]
        for evaluator in evaluators:
            evaluator.warning = "too large"
        async with broker_of(evaluators, tmp_path) as broker:
            asked = ask(broker, *range(1, 8))
            await finish_all(*evaluators)
            await asyncio.gather(*asked)
            assert (await broker.statistics("run"))["warnings"] == ["too large"]

    run(test)


def test_answers_that_come_together_are_written_at_one_go(tmp_path: Path) -> None:
    async def test() -> None:
        evaluators = [FakeEvaluator() for _ in range(5)]
        async with broker_of(evaluators, tmp_path) as broker:
            ledger, written = broker._runs["run"].ledger, []
            put_many = ledger.put_many
            ledger.put_many = lambda entries: (written.append(len(entries)), put_many(entries))
            asked = ask(broker, *range(1, 6))
            await finish_all(*evaluators)
            await asyncio.gather(*asked)
            assert written == [5]

    run(test)


def test_a_ledger_that_cannot_be_written_is_told_to_who_asked(tmp_path: Path) -> None:
    async def test() -> None:
        evaluators = [FakeEvaluator(), FakeEvaluator()]
        async with broker_of(evaluators, tmp_path) as broker:
            broker._runs["run"].ledger._db.execute("PRAGMA query_only = 1")
            asked = ask(broker, 5, 7)
            await finish_all(*evaluators)
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [InputError, InputError]
            assert [type(e) for e in await broker.failures("run")] == [InputError]

    run(test)


def test_scores_of_two_arithmetics_do_not_get_into_one_ledger(tmp_path: Path) -> None:
    async def test() -> None:
        new, old = (FakeEvaluator(device_type="cuda", has_bf16=has) for has in (True, False))
        async with broker_of([new, old], tmp_path) as broker:
            asked = ask(broker, 5, 7)
            await finish_all(new, old)
            await asyncio.gather(*asked)
            assert not old.groups
            assert await broker.arithmetic("auto") == "cuda bf16"
            (warning,) = (await broker.statistics("run"))["warnings"]
            assert "it would train in cuda fp32, the others train in cuda bf16" in warning

    run(test)


def test_a_precision_that_is_stated_takes_evaluators_of_both_kinds(tmp_path: Path) -> None:
    async def test() -> None:
        new, old = (FakeEvaluator(device_type="cuda", has_bf16=has) for has in (True, False))
        async with broker_of([new, old], tmp_path, precision="fp32") as broker:
            asked = ask(broker, 5, 7)
            await finish_all(new, old)
            await asyncio.gather(*asked)
            assert old.groups
            assert await broker.arithmetic("fp32") == "cuda fp32"

    run(test)
