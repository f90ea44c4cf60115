"""Evaluators that come up, are lost and come back, and the jobs they had."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_evaluator import (
    FakeEvaluator,
    ask,
    broker_of,
    everybody_has_had_a_turn,
    finish_all,
    run,
    sizes,
)
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    NodeDiedError,
    RayActorError,
)

from rlsel.errors import InputError
from rlsel.rewards import staff as staff_module
from rlsel.rewards.broker import MAX_LOST
from rlsel.rewards.evaluators import describe_loss
from rlsel.rewards.staff import MAX_DEATHS


def test_the_job_of_a_lost_evaluator_goes_to_another(tmp_path: Path) -> None:
    async def test() -> None:
        lost, other = FakeEvaluator(), FakeEvaluator()
        async with broker_of([lost, other], tmp_path) as broker:
            asked = ask(broker, 5)
            await everybody_has_had_a_turn()
            assert lost.is_at_work
            lost.lost = [RayActorError()]  # and it does not come back at once
            lost.fail(RayActorError())
            await everybody_has_had_a_turn()
            assert sizes(other.groups) == [[5]]
            await finish_all(other)
            assert (await asked[0]).num_train == 61

    run(test)


def test_jobs_that_lost_their_evaluator_go_on_one_by_one(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator(group_size=8)
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, 1, 2, 3, 4)
            await everybody_has_had_a_turn()
            evaluator.finish()
            await everybody_has_had_a_turn()
            evaluator.fail(RayActorError())
            await finish_all(evaluator)
            assert sizes(evaluator.groups) == [[1], [4, 3, 2], [4], [3], [2]]
            await asyncio.gather(*asked)

    run(test)


def test_a_job_that_kills_every_evaluator_is_given_up(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        async with broker_of([evaluator], tmp_path) as broker:
            (asked,) = ask(broker, 5)
            for _ in range(1 + MAX_LOST):
                await everybody_has_had_a_turn()
                evaluator.fail(RayActorError())
            with pytest.raises(RayActorError):
                await asked
            assert len(evaluator.groups) == 1 + MAX_LOST

    run(test)


def test_work_begins_as_soon_as_one_evaluator_is_up(tmp_path: Path) -> None:
    async def test() -> None:
        late, up = FakeEvaluator(), FakeEvaluator()
        late.lost = [RayActorError()]
        async with broker_of([late, up], tmp_path) as broker:
            (asked,) = ask(broker, 5)
            await finish_all(up)
            await asked
            assert late.num_introductions == 1

    run(test)


def test_no_evaluator_at_all_is_an_error_that_says_why(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        evaluator.lost = [RayActorError(error_msg="RuntimeError: no driver")]
        with pytest.raises(InputError, match="could be started: RuntimeError: no driver"):
            async with broker_of([evaluator], tmp_path):
                pass

    run(test)


def test_cores_are_shared_out_once_all_evaluators_are_up(tmp_path: Path) -> None:
    async def test() -> None:
        evaluators = [FakeEvaluator(node=node, cores=(0, 1, 2, 3)) for node in ("a", "b", "a")]
        async with broker_of(evaluators, tmp_path):
            await everybody_has_had_a_turn()
            assert [one.pinned for one in evaluators] == [
                [(0, 1)],
                [(0, 1, 2, 3)],
                [(2, 3)],
            ]

    run(test)


def test_an_evaluator_that_comes_back_is_pinned_again(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator, other = (FakeEvaluator(cores=(0, 1)) for _ in range(2))
        async with broker_of([evaluator, other], tmp_path) as broker:
            asked = ask(broker, 5)
            await everybody_has_had_a_turn()
            evaluator.fail(RayActorError())
            await finish_all(other)
            await asyncio.gather(*asked)
            assert evaluator.pinned == [(0,), (0,)]
            assert len(other.pinned) == 1

    run(test)


def test_waiting_for_a_lost_evaluator_is_not_work(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        clock = [0.0]
        async with broker_of([evaluator], tmp_path) as broker:
            broker._stopwatch._clock = lambda: clock[0]
            broker._stopwatch._last = 0.0
            opened = broker._stopwatch.read()
            asked = ask(broker, 5)
            await everybody_has_had_a_turn()
            clock[0] = 10.0
            evaluator.fail(RayActorError())
            await everybody_has_had_a_turn()
            clock[0] = 20.0
            await finish_all(evaluator)
            await asyncio.gather(*asked)
            used = broker._stopwatch.read().since(opened)
            assert math.isclose(used.work_s, 0.1)  # as the evaluator says
            assert used.wanted_s == 20.0

    run(test)


@pytest.fixture
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_module, "RETURN_S", 0.001)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


def test_an_evaluator_that_is_dead_is_let_go_and_keeps_nobody_from_being_pinned(
    tmp_path: Path, without_delay: None
) -> None:
    async def test() -> None:
        dead, *others = (FakeEvaluator(cores=(0, 1)) for _ in range(3))
        dead.lost = [ActorDiedError() for _ in range(99)]
        async with broker_of([dead, *others], tmp_path) as broker:
            await until(lambda: [one.pinned for one in others] == [[(0,)], [(1,)]])
            assert dead.num_introductions == MAX_DEATHS
            staff = await broker.staff()
            assert (staff.wanted, staff.up) == (3, 2)
            assert "was given up" in staff.news[-1]
            assert (await broker.statistics("run"))["warnings"] == [staff.news[-1]]

    run(test)


def test_without_any_evaluator_left_nobody_waits_for_ever(
    tmp_path: Path, without_delay: None
) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        async with broker_of([evaluator], tmp_path) as broker:
            asked = ask(broker, 5, 7)
            await everybody_has_had_a_turn()
            evaluator.lost = [ActorDiedError() for _ in range(99)]
            evaluator.fail(ActorDiedError())
            for outcome in await asyncio.gather(*asked, return_exceptions=True):
                assert "no evaluator is left" in str(outcome)
            with pytest.raises(InputError, match="no evaluator is left"):
                await ask(broker, 3)[0]

    run(test)


def test_an_evaluator_that_never_comes_up_keeps_nobody_from_being_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff_module, "PIN_S", 0.01)

    async def test() -> None:
        never, *others = (FakeEvaluator(cores=(0, 1)) for _ in range(3))
        never.introduce.remote = lambda: asyncio.get_running_loop().create_future()
        async with broker_of([never, *others], tmp_path):
            await until(lambda: [one.pinned for one in others] == [[(0,)], [(1,)]])

    run(test)


def test_an_evaluator_whose_process_ends_whenever_it_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarts, killed = iter(range(99)), []
    monkeypatch.setattr(staff_module, "LOOK_S", 0.001)
    monkeypatch.setattr(staff_module, "num_restarts", lambda evaluator: next(restarts))
    monkeypatch.setattr(staff_module.ray, "kill", killed.append)

    async def test() -> None:
        ends, other = FakeEvaluator(), FakeEvaluator()
        ends.introduce.remote = lambda: asyncio.get_running_loop().create_future()
        async with broker_of([ends, other], tmp_path) as broker:
            await until(lambda: bool(killed))
            await everybody_has_had_a_turn()
            assert killed == [ends]
            assert (await broker.staff()).news == [
                "an evaluator was given up: its process ends each time that it starts"
            ]

    run(test)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NodeDiedError("of a node"), "its machine is gone"),
        (ActorUnavailableError("RPC error: Socket closed", None), "its process ended"),
        (RayActorError(error_msg="The actor died because its node has died."), "machine is gone"),
        (RayActorError(error_msg="Worker exit type: NODE_OUT_OF_MEMORY ..."), "memory of its mach"),
        (RayActorError(error_msg="ray::A()\n  File x\nOSError: no driver\n"), "OSError: no driver"),
    ],
)
def test_a_loss_is_told_in_words_of_ours(error: Exception, said: str) -> None:
    assert said in describe_loss(error)
