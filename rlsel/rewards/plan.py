"""How many evaluators there are, what each of them books, and which cores it has to itself."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rlsel.errors import InputError
from rlsel.schema import config

CPU_SHARE_OF_EVALUATORS = 0.75
"""Share of Ray's cores for evaluators. The rest is for env runners, which mostly wait."""
Node = tuple[float, float]
"""Cores and GPUs that one machine of the cluster offers."""
LEAST_FREE_CPUS = 0.5
"""Cores that must be free on a machine before evaluators are placed beside another job's. With
fewer, the env runners would find no place."""


@config
class EvaluatorsConfig:
    """The pool of evaluators."""

    count: Annotated[int | None, Field(ge=1)] = None
    """Number of evaluators. None takes one per core, or as many as fit if there are GPUs."""
    gpus_each: Annotated[float | None, Field(gt=0)] = None
    """GPUs that an evaluator books; 0.25 puts four evaluators on a GPU. None books one GPU if there
    is one, and otherwise none. If `count` is given as well, GPUs are asked for even if none is up
    yet, so that an autoscaling cluster starts the nodes."""
    trainings_at_once: Annotated[int, Field(ge=1)] = 1
    """Full or finetune trainings that an evaluator carries out side by side on its GPU, for GPUs
    that one training does not fill. On a CPU it carries them out one after the other."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """How many evaluators there will be, and what each of them books."""

    count: int
    cpus_each: float
    gpus_each: float
    reason: str
    """Shown to the user, who can then understand and change the number."""
    threads_each: int = 1
    """Fixed before any is up, since the last digits of scores depend on the number of threads."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Precision of all trainings. With `auto` the evaluators must all choose the same one."""

    @property
    def gpu_left(self) -> float:
        """Share of each GPU that evaluators leave unbooked; 0 if they book no GPU."""
        if not 0 < self.gpus_each < 1:
            return 0.0
        return round(1 - self.gpus_each * math.floor(1 / self.gpus_each + 1e-9), 2)

    @property
    def each(self) -> str:
        """What an evaluator books, in words."""
        gpus = f" and {_counted(self.gpus_each, 'GPU')}" if self.gpus_each else ""
        return _counted(self.cpus_each, "core") + gpus


def plan_evaluators(
    config: EvaluatorsConfig,
    nodes: Sequence[Node],
    gpu_share: float = 1.0,
    free: Sequence[Node] | None = None,
) -> EvaluatorPlan:
    """Plan evaluators that fill the GPUs, or the cores if there is no GPU. The config goes first.

    Args:
        nodes: The machines that are up.
        gpu_share: GPUs that an evaluator books if the config does not say.
        free: What other jobs have left of each machine. If that is too little for one evaluator,
            the plan assumes that all is free, and evaluators have to wait. None: all is free.
    """
    num_gpus = sum(gpus for _, gpus in nodes)
    if num_gpus == 0 and (config.count is None or config.gpus_each is None):
        return _plan_for_cores(config, nodes, _room(nodes, free, lambda gpus: 1))
    gpus_each = config.gpus_each or gpu_share
    room = _room(nodes, free, lambda gpus: _fitting(gpus, gpus_each))
    num_fitting = sum(_fitting(gpus, gpus_each) for _, gpus in room)
    count = config.count or max(1, num_fitting)
    gpus = _share(sum(gpus for _, gpus in room), num_gpus, "GPU")
    return EvaluatorPlan(
        count,
        _cpus_each(room, min(count, num_fitting), gpus_each),
        gpus_each,
        "evaluators.count" if config.count else f"{gpus}, each evaluator {gpus_each:g}",
    )


def _plan_for_cores(
    config: EvaluatorsConfig, nodes: Sequence[Node], room: Sequence[Node]
) -> EvaluatorPlan:
    num_cpus, num_free = (sum(cpus for cpus, _ in of_it) for of_it in (nodes, room))
    count = config.count or max(1, math.floor(num_free))
    why = f"{_share(num_free, num_cpus, 'core')}, no GPU"
    # By all cores and not by the free ones, since scores may depend on the number of threads.
    cores = min(
        num_cpus / (config.count or max(1, math.floor(num_cpus))), *(cpus for cpus, _ in nodes)
    )
    threads = max(1, math.floor(CPU_SHARE_OF_EVALUATORS * cores))
    return EvaluatorPlan(
        count, _cpus_each(room, count), 0.0, "evaluators.count" if config.count else why, threads
    )


def require_possible(plan: EvaluatorPlan, nodes: Sequence[Node]) -> None:
    """Refuse a plan that a cluster of fixed size cannot carry out even when all of it is free.

    Raises:
        InputError: the machines have no room for the plan.
    """
    room = sum(
        min(
            math.floor(cpus / plan.cpus_each + 1e-9) if plan.cpus_each else plan.count,
            _fitting(gpus, plan.gpus_each) if plan.gpus_each else plan.count,
        )
        for cpus, gpus in nodes
    )
    if room >= plan.count:
        return
    cpus, gpus = (sum(node[i] for node in nodes) for i in (0, 1))
    there = f"{_counted(cpus, 'core')} and {_counted(gpus, 'GPU')}"
    remedy = (
        "lower evaluators.count or evaluators.gpus_each"
        if gpus
        else ("leave out evaluators.gpus_each to have them on cores")
    )
    raise InputError(
        f"evaluators: {plan.count} of {plan.each} each are wanted, and the {there} of this "
        f"cluster, which has no autoscaler, have room for {room}; {remedy}, or start more machines "
        "first"
    )


def _room(
    nodes: Sequence[Node], free: Sequence[Node] | None, fitting: Callable[[float], int]
) -> Sequence[Node]:
    """What is free if an evaluator fits there; otherwise all of the machines."""
    if free and any(cpus >= LEAST_FREE_CPUS and fitting(gpus) for cpus, gpus in free):
        return free
    return nodes


def _share(free: float, all_of_it: float, noun: str) -> str:
    if free >= all_of_it:
        return _counted(all_of_it, noun)
    return f"{free:g} of {_counted(all_of_it, noun)} free"


def _fitting(num_gpus: float, gpus_each: float) -> int:
    """How many evaluators fit on the GPUs of a machine. None of them has parts of two GPUs."""
    if gpus_each >= 1:
        return math.floor(num_gpus / gpus_each + 1e-9)
    return math.floor(num_gpus + 1e-9) * math.floor(1 / gpus_each + 1e-9)


def _cpus_each(nodes: Sequence[Node], count: int, gpus_each: float = 0.0) -> float:
    """The largest booking of cores, one at most, with which `count` evaluators find a place.

    With GPUs only the cores of the same machine count, and they may be few. If `count` is 0,
    because the GPUs are not up yet, the result is what a machine with one core per GPU could give.
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
    """The cores that it may run on; empty if it is not pinned."""
    device_type: str = "cpu"
    has_bf16: bool = False
    """Whether its device multiplies bf16 natively."""


def share_cores(places: Sequence[Place]) -> list[tuple[int, ...]]:
    """The cores of each evaluator, in their order; an empty tuple means that it is not pinned.

    Evaluators of a machine get equal parts of its cores. If there is less than one core for each,
    all of them get all cores.
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
