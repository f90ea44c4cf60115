"""A pool of Ray actors that carry out evaluations, behind one named broker.

    env runner --\\                          /-- evaluator (core or GPU, holds the workbench)
    env runner ---+-- broker (ledger, queue)+--- evaluator
    driver     --/                          \\-- evaluator

The broker answers from the ledger, lets equal requests wait for the same training, gives each
evaluator one job at a time, and writes every result down before anybody hears of it.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError
from ray.util.metrics import Counter
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rlsel.cluster import NAMESPACE
from rlsel.rewards.jobs import Evaluation, Job
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.rewards.workbench import Workbench

MAX_LOST = 5
"""How often one job may lose its evaluator before it is given up: then the job itself kills."""
WORKBENCHES_HELD = 2
"""Runs whose images an evaluator keeps at once; trials of a sweep take turns."""
LOST = (RayActorError, NodeDiedError, OutOfMemoryError)
"""What Ray reports of an evaluator that was killed: the job itself is not to blame."""


class Evaluator:
    """One worker: holds workbenches on its device and evaluates one job at a time."""

    def __init__(self, memory_fraction: float) -> None:
        torch.set_num_threads(1)
        if torch.cuda.is_available():
            # Ray only keeps books of fractional GPUs; this is what keeps the peace between them.
            torch.cuda.set_per_process_memory_fraction(min(1.0, memory_fraction))
        self._workbenches: dict[str, Workbench] = {}

    def evaluate(self, run_id: str, workbench: list[ray.ObjectRef], job: Job) -> Evaluation:
        """Carry out one job. The reference is in a list so that Ray leaves it alone."""
        if run_id not in self._workbenches:
            while len(self._workbenches) >= WORKBENCHES_HELD:
                self._workbenches.pop(next(iter(self._workbenches)))
            self._workbenches[run_id] = ray.get(workbench[0])
        worker = ray.get_runtime_context().get_actor_id()
        return replace(self._workbenches[run_id].evaluate(job), worker=str(worker))

    def ping(self) -> None:
        """Return when the worker is up."""


@dataclass
class _Run:
    """What the broker knows of one run."""

    workbench: list[ray.ObjectRef]
    ledger: Ledger
    from_ledger: Tally
    in_flight: dict[str, asyncio.Future]
    failure: Exception | None = None
    """What the last job that failed raised."""


@dataclass(frozen=True)
class _Request:
    run_id: str
    key: str
    job: Job
    answer: asyncio.Future
    lost: int = 0


class Broker:
    """The one who knows: ledger, queue and evaluators. A named async actor."""

    def __init__(self, plan: EvaluatorPlan) -> None:
        self._runs: dict[str, _Run] = {}
        self._queue: asyncio.Queue[_Request] = asyncio.Queue()
        self._busy_s = 0.0
        self._started = time.monotonic()
        self._evaluations = Counter(
            "rlsel_evaluations", "Evaluations answered", tag_keys=("fidelity", "source")
        )
        worker = ray.remote(Evaluator).options(
            num_cpus=plan.cpus_each, num_gpus=plan.gpus_each, max_restarts=-1
        )
        self._evaluators = [worker.remote(plan.gpus_each or 1.0) for _ in range(plan.count)]
        self._serving: list[asyncio.Task] = []

    async def open(self, run_id: str, workbench: list[ray.ObjectRef], ledger_path: str) -> None:
        """Make a run known; asked again it changes nothing."""
        if run_id not in self._runs:
            self._runs[run_id] = _Run(workbench, Ledger(Path(ledger_path)), Tally(), {})

    async def close(self, run_id: str) -> None:
        """Forget a run, and let go of its images."""
        run = self._runs.pop(run_id, None)
        if run:
            run.ledger.close()

    async def evaluate(self, run_id: str, key: str, job: Job) -> Evaluation:
        """Answer from the ledger, from a training in flight, or by training."""
        run = self._runs[run_id]
        known = run.ledger.get(key)
        if known is None and key in run.in_flight:
            known = await run.in_flight[key]
        if known is not None:
            run.from_ledger[job.fidelity] += 1
            self._count(job, "ledger")
            return known
        run.in_flight[key] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Request(run_id, key, job, run.in_flight[key]))
        try:
            return await run.in_flight[key]
        finally:
            run.in_flight.pop(key, None)

    async def statistics(self, run_id: str) -> dict[str, Any]:
        """Counts by fidelity, and the share of the evaluators' time that they were at work."""
        run = self._runs[run_id]
        elapsed_s = (time.monotonic() - self._started) * len(self._evaluators)
        return {
            "trained": run.ledger.counts(),
            "from_ledger": dict(run.from_ledger),
            "utilisation": self._busy_s / elapsed_s,
        }

    async def failures(self, run_id: str) -> list[Exception]:
        """What the last job that failed raised, for whoever was not told; empty if none did.

        In a list, as Ray would raise what it returns.
        """
        failure = self._runs[run_id].failure
        return [failure] if failure else []

    async def ready(self) -> int:
        """Start work once every evaluator is up; how many there are."""
        await asyncio.gather(*(each.ping.remote() for each in self._evaluators))
        if not self._serving:
            serving = [self._serve(evaluator) for evaluator in self._evaluators]
            self._serving = [asyncio.get_running_loop().create_task(each) for each in serving]
        return len(self._evaluators)

    async def _serve(self, evaluator: Any) -> None:
        """Give `evaluator` one job at a time, for good."""
        while True:
            request = await self._queue.get()
            start = time.monotonic()
            try:
                request.answer.set_result(await self._train(evaluator, request))
            except LOST as error:
                # Ray starts the worker again; meanwhile its job goes to whoever is free.
                if request.lost < MAX_LOST:
                    self._queue.put_nowait(replace(request, lost=request.lost + 1))
                else:
                    self._fail(request, error)
                await _until_back(evaluator)
            except Exception as error:
                self._fail(request, error)
            self._busy_s += time.monotonic() - start

    def _fail(self, request: _Request, error: Exception) -> None:
        request.answer.set_exception(error)
        if request.run_id in self._runs:
            self._runs[request.run_id].failure = error

    async def _train(self, evaluator: Any, request: _Request) -> Evaluation:
        run = self._runs[request.run_id]
        evaluation = await evaluator.evaluate.remote(request.run_id, run.workbench, request.job)
        run.ledger.put(request.key, request.job, evaluation)
        self._count(request.job, "trained")
        return evaluation

    def _count(self, job: Job, source: str) -> None:
        self._evaluations.inc(tags={"fidelity": job.fidelity, "source": source})


async def _until_back(evaluator: Any) -> None:
    while True:
        try:
            await evaluator.ping.remote()
            return
        except LOST:
            await asyncio.sleep(0.5)


class RayEvaluations:
    """`Evaluations` carried out by the broker's pool. Pickles: env runners get a copy each."""

    def __init__(self, run_id: str, key_of: JobKeys) -> None:
        """Use the run that was opened under `run_id`; `key_of` names its jobs."""
        self.run_id, self.key_of = run_id, key_of

    def one(self, job: Job) -> Evaluation:
        return ray.get(self._ask(job))

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        yield from map(ray.get, [self._ask(job) for job in jobs])

    def _ask(self, job: Job) -> ray.ObjectRef:
        return get_broker().evaluate.remote(self.run_id, self.key_of(job), job)


def open_run(broker: Any, workbench: Workbench, ledger_path: Path) -> RayEvaluations:
    """Hand a run's images to the pool, once for all evaluators."""
    run_id = str(ledger_path.resolve())
    ray.get(broker.open.remote(run_id, [ray.put(workbench)], run_id))
    return RayEvaluations(run_id, workbench.keys)


def get_broker() -> Any:
    """The broker of this job: of the driver, and of all trials and env runners it started."""
    return ray.get_actor(_broker_name(), namespace=NAMESPACE)


@contextmanager
def running_broker(plan: EvaluatorPlan) -> Iterator[Any]:
    """The broker of this job, if it has one; else a new one, which ends with the block.

    Ended by hand: Ray ends an actor when its first handle goes, whoever may still be using it.
    """
    try:
        broker, is_ours = get_broker(), False
    except ValueError:  # there is none
        broker, is_ours = _start_broker(plan), True
    try:
        ray.get(broker.ready.remote())
        yield broker
    finally:
        if is_ours and ray.is_initialized():
            ray.kill(broker)


def _start_broker(plan: EvaluatorPlan) -> Any:
    here = ray.get_runtime_context().get_node_id()
    options = {
        "name": _broker_name(),
        "namespace": NAMESPACE,
        "num_cpus": 0,
        "max_concurrency": 10_000,
        # On the node of the caller, where the ledgers are.
        "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
    }
    return ray.remote(Broker).options(**options).remote(plan)


def _broker_name() -> str:
    return f"rlsel-broker-{ray.get_runtime_context().get_job_id()}"
