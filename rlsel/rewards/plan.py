"""How many evaluators there are, what each of them books, and which cores it has to itself."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from rlsel.schema import config

CPU_SHARE_OF_EVALUATORS = 0.75
"""Of the cores Ray has; the rest is for env runners, which wait more than they compute."""
Node = tuple[float, float]
"""Cores and GPUs that one machine of the cluster offers."""


@config
class EvaluatorsConfig:
    """The pool of evaluators."""

    count: Annotated[int | None, Field(ge=1)] = None
    """How many; None takes one per core without a GPU, and as many as fit with GPUs."""
    gpus_each: Annotated[float | None, Field(gt=0)] = None
    """GPU an evaluator books; 0.25 puts four on a GPU. None is 1 where there is a GPU and none
    otherwise. Given together with `count` it is asked for even if no GPU is up yet, so that an
    autoscaling cluster starts the nodes."""
    trainings_at_once: Annotated[int, Field(ge=1)] = 1
    """Full or finetune trainings an evaluator carries out side by side on its GPU, where one does
    not fill it; on a CPU one follows the other."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """The outcome of looking at the cluster."""

    count: int
    cpus_each: float
    gpus_each: float
    reason: str
    """Said to the user, so that the number can be understood and changed."""
    threads_each: int = 1
    """Decided before any is up, since scores differ in the last digits with the threads."""

    @property
    def gpu_left(self) -> float:
        """Share of each GPU that evaluators leave unbooked, or 0 where they book none."""
        if not 0 < self.gpus_each < 1:
            return 0.0
        return round(1 - self.gpus_each * math.floor(1 / self.gpus_each + 1e-9), 2)


def plan_evaluators(
    config: EvaluatorsConfig, nodes: Sequence[Node], gpu_share: float = 1.0
) -> EvaluatorPlan:
    """Fill the GPUs if there are any, otherwise the cores; what the config says goes first.

    Args:
        nodes: The machines that are up.
        gpu_share: Of a GPU, what an evaluator books where the config does not say.
    """
    num_gpus = sum(gpus for _, gpus in nodes)
    if num_gpus == 0 and (config.count is None or config.gpus_each is None):
        num_cpus = sum(cpus for cpus, _ in nodes)
        count = config.count or max(1, math.floor(num_cpus))
        why = "evaluators.count" if config.count else f"{_counted(num_cpus, 'core')}, no GPU"
        cores = min(num_cpus / count, *(cpus for cpus, _ in nodes))
        threads = max(1, math.floor(CPU_SHARE_OF_EVALUATORS * cores))
        return EvaluatorPlan(count, _cpus_each(nodes, count), 0.0, why, threads)
    gpus_each = config.gpus_each or gpu_share
    num_fitting = sum(_fitting(gpus, gpus_each) for _, gpus in nodes)
    count = config.count or max(1, num_fitting)
    why = f"{_counted(num_gpus, 'GPU')}, each evaluator {gpus_each:g}"
    return EvaluatorPlan(
        count,
        _cpus_each(nodes, min(count, num_fitting), gpus_each),
        gpus_each,
        "evaluators.count" if config.count else why,
    )


def _fitting(num_gpus: float, gpus_each: float) -> int:
    """Evaluators on the GPUs of one machine: none of them has parts of two GPUs."""
    if gpus_each >= 1:
        return math.floor(num_gpus / gpus_each + 1e-9)
    return math.floor(num_gpus + 1e-9) * math.floor(1 / gpus_each + 1e-9)


def _cpus_each(nodes: Sequence[Node], count: int, gpus_each: float = 0.0) -> float:
    """The largest booking, of one core at most, with which `count` evaluators find a place.

    With GPUs the cores beside them count, and those may be few. Without any evaluator to place,
    as the GPUs are still to come, it is what a GPU with a single core could give.
    """
    if not count:
        return _floor(CPU_SHARE_OF_EVALUATORS * min(1.0, gpus_each))

    def num_placed(cpus_each: float) -> int:
        by_cores = [math.floor(CPU_SHARE_OF_EVALUATORS * c / cpus_each + 1e-9) for c, _ in nodes]
        if not gpus_each:
            return sum(by_cores)
        by_gpus = [_fitting(gpus, gpus_each) for _, gpus in nodes]
        return sum(map(min, by_cores, by_gpus))

    hundredths = (n for n in range(100, 0, -1) if num_placed(n / 100) >= count)
    return next(hundredths, 0) / 100


def _floor(number: float) -> float:
    return math.floor(100 * number) / 100


def _counted(number: float, noun: str) -> str:
    return f"{number:g} {noun}" + ("" if number == 1 else "s")


@dataclass(frozen=True)
class Place:
    """Where an evaluator runs."""

    node: str
    cores: tuple[int, ...]
    """Those it may run on; empty if it is not to be pinned to any."""


def share_cores(places: Sequence[Place]) -> list[tuple[int, ...]]:
    """Cores of its own for each evaluator, in their order; none: stay where you are.

    Evaluators of a machine get equal parts, and all cores where there are not enough for one each.
    """
    neighbours: dict[str, list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        neighbours[place.node].append(index)
    shares: list[tuple[int, ...]] = [()] * len(places)
    for indices in neighbours.values():
        for position, index in enumerate(indices):
            cores = places[index].cores
            size = len(cores) // len(indices)
            shares[index] = cores[position * size : (position + 1) * size] or cores
    return shares
