"""An evaluator without a process: it shows what it was given, and answers when it is told to."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np

from rlsel.rewards import Evaluation, Fidelity, Job
from rlsel.rewards.evaluators import Answers
from rlsel.rewards.plan import Place


class FakeEvaluator:
    """Has the methods of an actor handle that the broker calls."""

    def __init__(self, group_size: int = 1, node: str = "here", cores: tuple[int, ...] = ()):
        self.group_size, self.place = group_size, Place(node, cores, float(len(cores)))
        self.groups: list[list[Job]] = []
        self.num_introductions = 0
        self.lost: list[Exception] = []
        """Raised one by one instead of an introduction."""
        self.warning = ""
        self.pinned: list[tuple[tuple[int, ...], int]] = []
        self._answer: asyncio.Future[Answers] | None = None
        self.introduce = SimpleNamespace(remote=self._introduce)
        self.evaluate = SimpleNamespace(remote=self._evaluate)
        self.pin = SimpleNamespace(remote=lambda *what: self.pinned.append(what))

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
