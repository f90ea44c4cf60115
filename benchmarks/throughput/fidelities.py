"""What one evaluation of each fidelity costs, in one process that holds everything already."""

import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial

import numpy as np
import torch
from recording import Cell

from rlsel.experiment.config import Experiment
from rlsel.rewards.jobs import Fidelity, Job
from rlsel.rewards.workbench import Workbench

from .beds import build_workbench


class FidelityCosts:
    """Seconds of an evaluation by fidelity and size of group, each repetition with other masks."""

    def __init__(
        self, experiment: Experiment, groups: dict[Fidelity, tuple[int, ...]], least_s: float
    ) -> None:
        """Nothing is loaded or trained before a cell is asked for.

        Args:
            groups: Jobs that are handed over together, by fidelity.
            least_s: What takes less is repeated until it has taken so long: a probe takes
                milliseconds.
        """
        self._experiment, self._groups, self._least_s = experiment, groups, least_s

    def cells(self, repetitions: int) -> Iterator[tuple[str, Callable[[], Cell]]]:
        """Alternating: every repetition measures each fidelity once."""
        kinds: list[tuple[Fidelity, int]]
        kinds = [(f, size) for f, sizes in self._groups.items() for size in sizes]
        for repetition in range(repetitions):
            # Turned round every other time, so that a machine that slows down favours none.
            for fidelity, size in kinds[:: 1 if repetition % 2 == 0 else -1]:
                key = f"fidelity/{fidelity} in groups of {size}/{repetition}"
                yield key, partial(self._cell, fidelity, size, repetition)

    def _cell(self, fidelity: Fidelity, size: int, repetition: int) -> Cell:
        first_s = self._prepare(fidelity, size)
        generator = np.random.default_rng(repetition)
        num_jobs, num_train, start = 0, 0, time.perf_counter()
        while num_jobs == 0 or time.perf_counter() - start < self._least_s:
            jobs = [self._job(fidelity, generator) for _ in range(size)]
            num_train += sum(e.num_train for e in self._workbench.evaluate_many(jobs))
            num_jobs += size
        seconds = (time.perf_counter() - start) / num_jobs
        cell = {"seconds": seconds, "num_train": num_train / num_jobs, "num_jobs": num_jobs}
        return cell | ({"first_group_s": first_s} if first_s else {})

    def _prepare(self, fidelity: Fidelity, size: int) -> float | None:
        """Once per process: what is kept afterwards is made, such as the maps of `finetune`."""
        if (fidelity, size) in self._prepared:
            return None
        self._prepared.add((fidelity, size))
        generator = np.random.default_rng(0)
        workbench = self._workbench
        start = time.perf_counter()
        workbench.evaluate_many([self._job(fidelity, generator) for _ in range(size)])
        return time.perf_counter() - start

    def _job(self, fidelity: Fidelity, generator: np.random.Generator) -> Job:
        """About half of the candidates, as early in learning."""
        kept_N = generator.random(self._workbench.num_candidates) < 0.5
        return Job(kept_N, fidelity, 0, "reward_val")

    @cached_property
    def _workbench(self) -> Workbench:
        torch.set_num_threads(1)  # as in an evaluator
        return build_workbench(self._experiment)

    @cached_property
    def _prepared(self) -> set[tuple[Fidelity, int]]:
        return set()
