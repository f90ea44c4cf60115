"""Evaluators that come up, are lost and come back, and the jobs they had."""

import asyncio
import math
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
from ray.exceptions import RayActorError

from rlsel.rewards.broker import MAX_LOST


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


def test_no_evaluator_at_all_is_an_error(tmp_path: Path) -> None:
    async def test() -> None:
        evaluator = FakeEvaluator()
        evaluator.lost = [RayActorError()]
        with pytest.raises(RayActorError):
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
