"""`Evaluator`: the Ray actor that holds a run's images on its device and carries out jobs."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch
from ray._private.state import state
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    NodeDiedError,
    OutOfMemoryError,
)

from rlsel.machine import cluster
from rlsel.machine.device import best_device, multiplies_bf16
from rlsel.machine.device_memory import DeviceFullError, is_out_of_memory, release
from rlsel.machine.workplace import Event, Files, events_of, events_of_training, this_place
from rlsel.rewards.jobs import Evaluation, Fidelity, Job
from rlsel.rewards.plan import EvaluatorPlan, Place
from rlsel.rewards.workbench import Workbench

WORKBENCHES_HELD = 4
"""Runs whose images an evaluator holds at once, since the trials of a sweep take turns. If the GPU
has no room for that, the images of the other runs are dropped."""
SAMPLES, RESULTS = "the samples of the run", "the results of an evaluator"
"""What goes through Ray's object store, as messages call it."""
GPU_MEMORY_SHARE = 0.9
"""Share of the booked GPU memory that PyTorch may use. Libraries and the driver need the rest."""


@dataclass(frozen=True)
class Answers:
    """The result of a group of jobs."""

    evaluations: list[Evaluation]
    """In the order of the jobs."""
    group_size: int
    """How many jobs of this run and fidelity the next group should have."""
    work_s: float
    """Seconds of work, by the evaluator's clock."""
    warning: str = ""
    """A warning for the record; empty if there is none."""


class Evaluator:
    """One worker: carries out one group of jobs at a time."""

    def __init__(self, gpus_each: float, num_threads: int = 1) -> None:
        """Wait for jobs.

        Args:
            gpus_each: GPUs that it has booked. Below 1 it uses that share of the memory at most.
            num_threads: Threads that it computes with.
        """
        self._gpus_each = gpus_each
        self._name = ""
        self._workbenches: dict[str, Workbench] = {}
        self._fitting: dict[tuple[str, Fidelity], int] = {}
        self._told: dict[tuple[str, Fidelity], str] = {}
        torch.set_num_threads(num_threads)
        if torch.cuda.is_available():
            # Ray counts fractions of GPUs and enforces nothing, so the memory is limited here.
            torch.cuda.set_per_process_memory_fraction(
                GPU_MEMORY_SHARE * min(1.0, gpus_each or 1.0)
            )

    def introduce(self) -> Place:
        """Node, cores and device of this worker. The call returns once the worker is up."""
        context = ray.get_runtime_context()
        self._name = str(context.get_actor_id())
        # With a GPU the cores matter little, and macOS and Windows cannot pin a process.
        can_pin = hasattr(os, "sched_getaffinity") and not torch.cuda.is_available()
        cores = tuple(sorted(os.sched_getaffinity(0))) if can_pin else ()
        device = best_device()
        return Place(context.get_node_id(), cores, device.type, multiplies_bf16(device))

    def pin(self, cores: tuple[int, ...]) -> None:
        """Run on these cores alone; an empty tuple changes nothing."""
        if cores:
            os.sched_setaffinity(0, cores)

    def evaluate(self, run_id: str, workbench: list[ray.ObjectRef], jobs: list[Job]) -> Answers:
        """Carry out jobs of one fidelity and split.

        Args:
            workbench: One reference, in a list so that Ray does not resolve it.

        Raises:
            DeviceFullError: not even one of them fits into GPU memory.
        """
        start = time.perf_counter()
        bench, kind = self._workbench(run_id, workbench), (run_id, jobs[0].fidelity)
        group_size = self._fitting.get(kind, bench.group_size(kind[1]))
        asked = min(group_size, len(jobs))
        while True:
            try:
                evaluations, fitting = bench.carry_out(jobs, asked)
                break
            except DeviceFullError as error:
                if len(self._workbenches) == 1:
                    raise self._explained(error) from None
            except torch.AcceleratorError as error:
                if not is_out_of_memory(error):
                    # This process can never use its GPU again. Ray restarts it, and the broker
                    # gives the jobs to others, one by one.
                    os._exit(1)
                raise
            # Outside of the handler, because the error keeps what was on the device alive.
            self._workbenches = {run_id: bench}
            release()
        warnings = [self._news(kind, bench.warning)]
        if fitting < asked:
            group_size = self._fitting[kind] = fitting
            warnings.append(
                f"{asked} {kind[1]} trainings at once did not fit into GPU memory, so it went on "
                f"with {fitting}"
            )
        warning = "; ".join(filter(None, warnings))
        named = [replace(evaluation, worker=self._name) for evaluation in evaluations]
        return Answers(named, group_size, time.perf_counter() - start, warning)

    def forget(self, run_id: str) -> None:
        """Drop the images of a run that was closed."""
        if self._workbenches.pop(run_id, None):
            release()

    def carry_out(
        self, work: list[ray.ObjectRef], files: Files | None, called: str
    ) -> Iterator[Event]:
        """Work of another stage, with the GPU of this worker: where this is, then its events.

        Args:
            work: One reference to a function, in a list so that Ray does not resolve it.
            files: What the folder of a long work holds at first; None for work without a folder.
            called: The folder's name in messages.
        """
        node = ray.get_runtime_context().get_node_id()
        yield "place", f"{this_place()}, Ray node {node[:8]}"
        function = cluster.get(work[0], SAMPLES)
        events = (
            events_of(function) if files is None else events_of_training(function, files, called)
        )
        try:
            for kind, value in events:
                yield kind, [cluster.put(value, RESULTS)] if kind == "result" else value
        finally:
            release()  # also if nobody waits for the end

    def _workbench(self, run_id: str, reference: list[ray.ObjectRef]) -> Workbench:
        bench = self._workbenches.pop(run_id, None) or cluster.get(reference[0], SAMPLES)
        while len(self._workbenches) >= WORKBENCHES_HELD:
            self._workbenches.pop(next(iter(self._workbenches)))
        self._workbenches[run_id] = bench  # last, as it was used last
        return bench

    def _news(self, kind: tuple[str, Fidelity], warning: str) -> str:
        """A warning that was not returned before; empty if there is none."""
        is_new = self._told.get(kind) != warning
        self._told[kind] = warning
        return warning if is_new else ""

    def _explained(self, error: DeviceFullError) -> DeviceFullError:
        share = self._gpus_each
        more = f"raise evaluators.gpus_each ({share:g})" if share < 1 else "use a larger GPU"
        return DeviceFullError(f"{error}, or {more}")


def start_evaluators(plan: EvaluatorPlan) -> list[Any]:
    """Start actors that Ray restarts whenever they are lost. They end with their holder."""
    worker = ray.remote(Evaluator).options(
        num_cpus=plan.cpus_each, num_gpus=plan.gpus_each, max_restarts=-1
    )
    return [worker.remote(plan.gpus_each, plan.threads_each) for _ in range(plan.count)]


def describe_loss(error: Exception) -> str:
    """Why an evaluator was lost, in words for a user."""
    text = str(error)
    if isinstance(error, OutOfMemoryError) or "OUT_OF_MEMORY" in text or "memory pressure" in text:
        return (
            "the memory of its machine was used up, and Ray ended it; fewer of them "
            "(evaluators.count) need less"
        )
    if isinstance(error, NodeDiedError) or "node has died" in text or "node is dead" in text:
        return "its machine is gone"
    raised = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", text, re.MULTILINE)
    if raised and "creation task" in text:
        return raised[-1]
    if isinstance(error, ActorDiedError | ActorUnavailableError):
        return "its process ended"
    return raised[-1] if raised else (text.splitlines() or [type(error).__name__])[0]


def num_restarts(evaluator: Any) -> int:
    """How often Ray has restarted an evaluator, failed restarts included."""
    return int(state.actor_table(evaluator._actor_id.hex()).get("NumRestarts", 0))
