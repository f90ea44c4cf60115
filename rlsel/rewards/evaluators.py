"""`Evaluator`: the Ray actor that holds a run's images on its device and carries out jobs."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch

from rlsel.errors import InputError
from rlsel.rewards.jobs import Evaluation, Fidelity, Job
from rlsel.rewards.plan import EvaluatorPlan, Place
from rlsel.rewards.workbench import Workbench

WORKBENCHES_HELD = 4
"""Runs whose images an evaluator keeps at once; trials of a sweep take turns. Where a GPU has no
room for them, the others go."""
GPU_MEMORY_SHARE = 0.9
"""Of what an evaluator booked; beside it stand the libraries' own memory and the driver's."""


@dataclass(frozen=True)
class Answers:
    """What came of a group of jobs."""

    evaluations: list[Evaluation]
    """In the order of the jobs."""
    group_size: int
    """So many jobs of this run and fidelity are worth handing over together from now on."""
    work_s: float
    """What it took, by the evaluator's clock."""
    warning: str = ""
    """Something the record should tell; empty if there is nothing."""


class Evaluator:
    """One worker: carries out one group of jobs at a time."""

    def __init__(self, gpus_each: float, num_threads: int = 1) -> None:
        """Wait for jobs.

        Args:
            gpus_each: What it booked; below 1 it takes no more than that share of GPU memory.
            num_threads: What it computes in.
        """
        self._gpus_each = gpus_each
        self._name = ""
        self._workbenches: dict[str, Workbench] = {}
        self._fitting: dict[tuple[str, Fidelity], int] = {}
        torch.set_num_threads(num_threads)
        if torch.cuda.is_available():
            # Ray only keeps books of fractional GPUs; this is what keeps the peace between them.
            torch.cuda.set_per_process_memory_fraction(
                GPU_MEMORY_SHARE * min(1.0, gpus_each or 1.0)
            )

    def introduce(self) -> Place:
        """Where this worker is; returns when it is up."""
        context = ray.get_runtime_context()
        self._name = str(context.get_actor_id())
        # With a GPU the cores only feed it, and macOS and Windows pin nobody.
        can_pin = hasattr(os, "sched_getaffinity") and not torch.cuda.is_available()
        cores = tuple(sorted(os.sched_getaffinity(0))) if can_pin else ()
        return Place(context.get_node_id(), cores)

    def pin(self, cores: tuple[int, ...]) -> None:
        """Stay on these cores; with none of them, wherever."""
        if cores:
            os.sched_setaffinity(0, cores)

    def evaluate(self, run_id: str, workbench: list[ray.ObjectRef], jobs: list[Job]) -> Answers:
        """Carry out jobs of one fidelity and split.

        Args:
            workbench: One reference, in a list so that Ray leaves it alone.

        Raises:
            InputError: not even one of them fits into GPU memory.
        """
        start = time.perf_counter()
        bench, kind = self._workbench(run_id, workbench), (run_id, jobs[0].fidelity)
        group_size = self._fitting.get(kind, bench.group_size(kind[1]))
        asked = min(group_size, len(jobs))
        while True:
            try:
                evaluations, fitting = carry_out(bench, jobs, asked)
                break
            except torch.OutOfMemoryError:
                if len(self._workbenches) == 1:
                    raise self._too_large(bench) from None
            except torch.AcceleratorError:
                # This process can never use its GPU again. Ray starts it anew, and the broker
                # gives the jobs to others, one by one.
                os._exit(1)
            # Out of the handler: the error holds on to what was on the device.
            self._workbenches = {run_id: bench}
            torch.cuda.empty_cache()
        warning = ""
        if fitting < asked:
            group_size = self._fitting[kind] = fitting
            warning = (
                f"{asked} {kind[1]} trainings at once did not fit into GPU memory, so it went on "
                f"with {fitting}"
            )
        named = [replace(evaluation, worker=self._name) for evaluation in evaluations]
        return Answers(named, group_size, time.perf_counter() - start, warning)

    def _workbench(self, run_id: str, reference: list[ray.ObjectRef]) -> Workbench:
        bench = self._workbenches.pop(run_id, None) or ray.get(reference[0])
        while len(self._workbenches) >= WORKBENCHES_HELD:
            self._workbenches.pop(next(iter(self._workbenches)))
        self._workbenches[run_id] = bench  # last, as it was used last
        return bench

    def _too_large(self, bench: Workbench) -> InputError:
        batch_size = f"classifier.batch_size is {bench.classifier.batch_size}"
        if self._gpus_each >= 1:
            return InputError(
                f"{batch_size}: one training does not fit into GPU memory; lower it, or use a GPU "
                "with more memory"
            )
        return InputError(
            f"{batch_size} and evaluators.gpus_each {self._gpus_each:g}: one training does not fit "
            "into that share of GPU memory; lower the former or raise the latter"
        )


def carry_out(
    bench: Workbench, jobs: Sequence[Job], group_size: int
) -> tuple[list[Evaluation], int]:
    """Carry out jobs in groups, which are halved whenever one does not fit into GPU memory.

    Returns:
        the evaluations in the order of the jobs, and the size of group that fitted.

    Raises:
        torch.OutOfMemoryError: not even one job fits.
    """
    done: list[Evaluation] = []
    while len(done) < len(jobs):
        group = jobs[len(done) : len(done) + group_size]
        try:
            done += bench.evaluate_many(group)
            continue
        except torch.OutOfMemoryError:
            if len(group) == 1:
                raise
        # Out of the handler: the error holds on to what was on the device.
        torch.cuda.empty_cache()
        group_size = (len(group) + 1) // 2
    return done, group_size


def start_evaluators(plan: EvaluatorPlan) -> list[Any]:
    """Actors that Ray starts again whenever they are lost. They end with whoever holds them."""
    worker = ray.remote(Evaluator).options(
        num_cpus=plan.cpus_each, num_gpus=plan.gpus_each, max_restarts=-1
    )
    return [worker.remote(plan.gpus_each, plan.threads_each) for _ in range(plan.count)]
