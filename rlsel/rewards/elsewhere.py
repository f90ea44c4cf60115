"""Work of the stages on the evaluators of a cluster, which hold its GPUs."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import ray
import torch

from rlsel.errors import InputError
from rlsel.machine import cluster
from rlsel.machine.device import Precision, computed_by
from rlsel.machine.progress import console
from rlsel.machine.workplace import (
    Files,
    Here,
    OnSave,
    Workplace,
    carrying_files,
    read_files,
    write_files,
)
from rlsel.rewards.evaluators import RESULTS, SAMPLES, describe_loss
from rlsel.rewards.plan import EvaluatorsConfig, plan_evaluators
from rlsel.rewards.pool import running_broker
from rlsel.rewards.staff import LOST

T = TypeVar("T")
C = TypeVar("C")
MAX_ATTEMPTS = 3
"""Evaluators that may be lost to one piece of work; after that, the work is taken for the cause."""


@contextmanager
def workplace(config: EvaluatorsConfig, precision: Precision) -> Iterator[Workplace]:
    """Where the stages compute: on evaluators if they have GPUs, and in this process otherwise.

    The evaluators stay up in the block, and those of the rewards are the same ones. So this process
    holds no memory of a GPU while evaluators work.

    Raises:
        InputError: the cluster can never have as many evaluators as planned.
    """
    if not (ray.is_initialized() or os.environ.get("RAY_ADDRESS") or torch.cuda.is_available()):
        yield Here()  # a Ray of our own would have no GPU either, and is started later
        return
    with cluster.ray_session():
        plan = plan_evaluators(config, cluster.nodes(), free=cluster.free())
        if not plan.gpus_each:
            yield Here()
            return
        with running_broker(replace(plan, precision=precision)) as broker:
            yield OnEvaluators(broker)


class OnEvaluators:
    """The evaluators: each carries out one piece of work at a time, beside those of the rewards."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self._places: list[str] = []
        self._computed_by: tuple[str, ...] | None = None

    def computed_by(self) -> tuple[str, ...]:
        found = self._computed_by or self._ask(computed_by)
        if self._computed_by is None:
            self._places.clear()  # a question is no work
        self._computed_by = found
        return found

    def run(self, work: Callable[[], T]) -> T:
        return self._ask(work)

    def run_by(self, work: Callable[[C], T], settings: C, files: Iterable[str]) -> T:
        return self._ask(carrying_files(work, settings, files))

    def run_in(
        self,
        folder: Path,
        patterns: Sequence[str],
        work: Callable[[Path, OnSave], T],
        on_save: OnSave,
    ) -> T:
        return self._ask(work, lambda: read_files(folder, patterns), folder, on_save)

    def places(self) -> list[str]:
        places, self._places = self._places, []
        return list(dict.fromkeys(places))

    def _ask(
        self,
        work: Callable[..., Any],
        files: Callable[[], Files | None] = lambda: None,
        folder: Path | None = None,
        on_save: OnSave = lambda: None,
    ) -> Any:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._ask_once([cluster.put(work, SAMPLES)], files(), folder, on_save)
            except LOST as error:
                if attempt == MAX_ATTEMPTS:
                    raise InputError(
                        f"{MAX_ATTEMPTS} evaluators were lost to the same work: "
                        f"{describe_loss(error)}"
                    ) from error
        raise AssertionError("attempts end")

    def _ask_once(
        self,
        work: list[ray.ObjectRef],
        files: Files | None,
        folder: Path | None,
        on_save: OnSave,
    ) -> Any:
        for reference in self._broker.lend.remote(work, files, str(folder or "")):
            kind, value = ray.get(reference)
            if kind == "place":
                self._places.append(value)
            elif kind == "said":
                console.print(value, markup=False)
            elif kind == "files":
                assert folder is not None
                write_files(value, folder)
                on_save()
            elif kind == "result":
                return cluster.get(value[0], RESULTS)
        raise RuntimeError("an evaluator ended its work without a result")
