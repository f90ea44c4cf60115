"""How many evaluators there are, and what each of them books."""

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from rlsel.schema import config

CPU_SHARE_OF_EVALUATORS = 0.75
"""Of the cores Ray has; the rest is for env runners, which wait more than they compute."""


@config
class EvaluatorsConfig:
    """The pool of evaluators."""

    count: Annotated[int | None, Field(ge=1)] = None
    """How many; None takes one per core without a GPU, and as many as fit with GPUs."""
    gpus_each: Annotated[float | None, Field(gt=0)] = None
    """GPU an evaluator books; 0.25 puts four on a GPU. None is 1 where there is a GPU and none
    otherwise. Given together with `count` it is asked for even if no GPU is up yet, so that an
    autoscaling cluster starts the nodes."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """The outcome of looking at the cluster."""

    count: int
    cpus_each: float
    gpus_each: float
    reason: str
    """Said to the user, so that the number can be understood and changed."""


def plan_evaluators(config: EvaluatorsConfig, num_cpus: float, num_gpus: float) -> EvaluatorPlan:
    """Fill the GPUs if there are any, otherwise the cores; what the config says goes first."""
    asked_for = config.count is not None and config.gpus_each is not None
    if num_gpus > 0 or asked_for:
        gpus_each = config.gpus_each or 1.0
        count = config.count or max(1, math.floor(num_gpus / gpus_each + 1e-9))
        # Waiting for a node, its cores are unknown; a GPU brings at least one along.
        return EvaluatorPlan(count, _cpus_each(num_cpus, count), gpus_each, _why(config, num_gpus))
    count = config.count or max(1, math.floor(num_cpus))
    why = "evaluators.count" if config.count else f"{num_cpus:g} cores, no GPU"
    return EvaluatorPlan(count, _cpus_each(num_cpus, count), 0.0, why)


def _cpus_each(num_cpus: float, count: int) -> float:
    share = min(1.0, CPU_SHARE_OF_EVALUATORS * num_cpus / count)
    return math.floor(share * 100) / 100


def _why(config: EvaluatorsConfig, num_gpus: float) -> str:
    if config.count:
        return "evaluators.count"
    return f"{num_gpus:g} GPUs at {config.gpus_each or 1.0:g} each"
