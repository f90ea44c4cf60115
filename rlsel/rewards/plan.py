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
    gpus_each: Annotated[float, Field(gt=0)] = 1.0
    """GPU an evaluator books where there is one; 0.25 puts four on a GPU."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """The outcome of looking at the cluster."""

    count: int
    cpus_each: float
    gpus_each: float
    reason: str
    """Said to the user, so that the number can be understood and changed."""


def plan_evaluators(config: EvaluatorsConfig, num_cpus: float, num_gpus: float) -> EvaluatorPlan:
    """Fill the GPUs if there are any, otherwise the cores."""
    if num_gpus > 0:
        fitting = max(1, math.floor(num_gpus / config.gpus_each + 1e-9))
        count = config.count or fitting
        why = f"{num_gpus:g} GPUs at {config.gpus_each:g} each"
        gpus_each = config.gpus_each
    else:
        count = config.count or max(1, math.floor(num_cpus))
        why = f"{num_cpus:g} cores, no GPU"
        gpus_each = 0.0
    cpus_each = min(1.0, CPU_SHARE_OF_EVALUATORS * num_cpus / count)
    chosen = "evaluators.count" if config.count else why
    return EvaluatorPlan(count, math.floor(cpus_each * 100) / 100, gpus_each, chosen)
