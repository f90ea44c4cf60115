"""Evaluators without a process, which answer when they are told to, and a broker that has them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from rlsel.rewards import Evaluation, Fidelity, Job
from rlsel.rewards.broker import Broker
from rlsel.rewards.evaluators import Answers
from rlsel.rewards.plan import EvaluatorPlan, Place


class FakeEvaluator:
    """Has the methods of an actor handle that the broker calls."""

    def __init__(
        self,
        group_size: int = 1,
        node: str = "here",
        cores: tuple[int, ...] = (),
        device_type: str = "cpu",
        has_bf16: bool = False,
    ):
        self.group_size, self.place = group_size, Place(node, cores, device_type, has_bf16)
        self.groups: list[list[Job]] = []
        self.num_introductions = 0
        self.lost: list[Exception] = []
        """Raised one by one instead of an introduction."""
        self.warning = ""
        self.pinned: list[tuple[int, ...]] = []
        self._answer: asyncio.Future[Answers] | None = None
        self.introduce = SimpleNamespace(remote=self._introduce)
        self.evaluate = SimpleNamespace(remote=self._evaluate)
        self.pin = SimpleNamespace(remote=self.pinned.append)
        self.forgotten: list[str] = []
        self.forget = SimpleNamespace(remote=self.forgotten.append)

    @property
    def is_at_work(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def finish(self) -> None:
        """Answer what it is at work on."""
        assert self._answer
        evaluations = [Evaluation({"auc": [0.5]}, len(job.kept_N), 0.1) for job in self.groups[-1]]
        self._answer.set_result(Answers(evaluations, self.group_size, 0.1, self.warning))

    def fail(self, error: Exception) -> None:
        assert self._answer
        self._answer.set_exception(error)

    async def _introduce(self) -> Place:
        self.num_introductions += 1
        if self.lost:
            raise self.lost.pop(0)
        return self.place

    async def _evaluate(self, run_id: str, workbench: list[Any], jobs: list[Job]) -> Answers:
        self.groups.append(jobs)
        self._answer = asyncio.get_running_loop().create_future()
        return await self._answer


def job_of(num_kept: int, fidelity: Fidelity = "full") -> Job:
    return Job(np.arange(61) < num_kept, fidelity, 0, "reward_val")


def sizes(groups: list[list[Job]]) -> list[list[int]]:
    """How many candidates the jobs keep, group by group."""
    return [[int(job.kept_N.sum()) for job in group] for group in groups]


@asynccontextmanager
async def broker_of(
    evaluators: list[FakeEvaluator], tmp_path: Path, precision: Any = "auto"
) -> AsyncIterator[Broker]:
    """A broker that is ready, with one run open."""
    plan = EvaluatorPlan(len(evaluators), 1.0, 0.0, "a test", precision=precision)
    broker = Broker(plan, start=lambda plan: list(evaluators))
    await broker.ready()
    await broker.open("run", [], str(tmp_path / "ledger.sqlite"))
    yield broker
    await broker.close("run")


async def everybody_has_had_a_turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def ask(broker: Broker, *num_kept: int, fidelity: Any = "full") -> list[asyncio.Task[Evaluation]]:
    """Ask for as many evaluations at once, each under a key of its own and by another asker."""
    loop = asyncio.get_running_loop()
    jobs = [job_of(num, fidelity) for num in num_kept]
    return [
        loop.create_task(broker.evaluate("run", f"{fidelity} {num}", job, f"asker {num}"))
        for num, job in zip(num_kept, jobs, strict=True)
    ]


async def finish_all(*evaluators: FakeEvaluator) -> None:
    await everybody_has_had_a_turn()
    while busy := [one for one in evaluators if one.is_at_work]:
        for evaluator in busy:
            evaluator.finish()
        await everybody_has_had_a_turn()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def with_a_limit() -> None:
        await asyncio.wait_for(test(), 30)

    asyncio.run(with_a_limit())
