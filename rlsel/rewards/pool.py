"""The pool of evaluators for a run: opening it, asking it for evaluations, closing it."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rlsel.errors import find_input_error
from rlsel.machine import cluster
from rlsel.machine.mapped import sent_by_path
from rlsel.machine.progress import console
from rlsel.machine.wording import counted
from rlsel.rewards.broker import Broker
from rlsel.rewards.evaluators import SAMPLES
from rlsel.rewards.jobs import Evaluation, Evaluations, Fidelity, Job
from rlsel.rewards.keys import JobKeys
from rlsel.rewards.ledger import Ledger, Repeats
from rlsel.rewards.local import LocalEvaluations
from rlsel.rewards.plan import (
    EvaluatorPlan,
    EvaluatorsConfig,
    plan_evaluators,
    require_possible,
)
from rlsel.rewards.staff import Staff
from rlsel.rewards.watch import StaffWatch, watching
from rlsel.rewards.workbench import Workbench

STAFF_S = 30.0
"""Longest wait for the broker to say which evaluators are up."""


class RayEvaluations:
    """`Evaluations` carried out by the broker's pool. It can be pickled: env runners get copies."""

    def __init__(self, run_id: str, key_of: JobKeys) -> None:
        """Use the run that was opened as `run_id`, which is the path of its ledger."""
        self.run_id, self.key_of = run_id, key_of

    def one(self, job: Job) -> Evaluation:
        return ray.get(self._ask(job))

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        yield from map(ray.get, [self._ask(job) for job in jobs])

    def _ask(self, job: Job) -> ray.ObjectRef:
        asker = ray.get_runtime_context().get_worker_id()
        return get_broker().evaluate.remote(self.run_id, self.key_of(job), job, asker)


def open_run(broker: Any, workbench: Workbench, ledger_path: Path) -> RayEvaluations:
    """Register a run with the broker, and put its samples into Ray's object store once.

    Raises:
        InputError: neither the store nor the disk of this machine has room for them.
    """
    run_id = str(ledger_path.resolve())
    # On one machine, processes map the same files; several need copies in the object store.
    with sent_by_path() if len(cluster.nodes()) == 1 else nullcontext():
        shared = cluster.put(workbench, SAMPLES)
    ray.get(broker.open.remote(run_id, [shared], run_id))
    # That of the evaluators, since this process may have another device.
    arithmetic = ray.get(broker.arithmetic.remote(workbench.classifier.precision))
    return RayEvaluations(run_id, replace(workbench.keys, arithmetic=arithmetic))


def get_broker() -> Any:
    """The broker of this Ray job, which the driver shares with its trials and env runners."""
    return ray.get_actor(_broker_name(), namespace=cluster.NAMESPACE)


@contextmanager
def running_broker(plan: EvaluatorPlan) -> Iterator[Any]:
    """The broker of this Ray job if there is one; otherwise a new one, which ends with the block.

    While evaluators are awaited, a line every minute says so. The broker is killed explicitly,
    because Ray would end it with its first handle, even if others still use it.

    Raises:
        InputError: the cluster can never have as many evaluators as planned.
    """
    try:
        broker, is_ours = get_broker(), False
    except ValueError:  # there is none
        broker, is_ours = _start_broker(plan), True
    try:
        with _watched(broker, plan) if is_ours else nullcontext():
            ray.get(broker.ready.remote())
            yield broker
    finally:
        if is_ours and ray.is_initialized():
            ray.kill(broker)


def _watched(broker: Any, plan: EvaluatorPlan) -> AbstractContextManager[None]:
    def staff() -> Staff:
        return ray.get(broker.staff.remote(), timeout=STAFF_S)

    return watching(StaffWatch(plan, staff, cluster.nodes_by_id, cluster.describe))


def _start_broker(plan: EvaluatorPlan) -> Any:
    if not cluster.can_grow():
        require_possible(plan, cluster.nodes())
    elif not plan.gpus_each:
        console.print(
            "note: no GPU is up. Where the autoscaler of this cluster can start some, ask for them "
            "by evaluators: {count: 4, gpus_each: 1}, for example",
            markup=False,
        )
    here = ray.get_runtime_context().get_node_id()
    options = {
        "name": _broker_name(),
        "namespace": cluster.NAMESPACE,
        "num_cpus": 0,
        "max_concurrency": 10_000,
        # The broker runs on the caller's node, where the ledgers are.
        "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
    }
    return ray.remote(Broker).options(**options).remote(plan)


def _broker_name() -> str:
    return f"rlsel-broker-{ray.get_runtime_context().get_job_id()}"


@dataclass(frozen=True)
class EvaluationPool:
    """What a run uses of the pool of evaluators."""

    evaluations: Evaluations
    num_evaluators: int
    here: LocalEvaluations
    """Carries out cheap jobs in this process, with the same ledger."""
    arithmetic: str
    """Device and precision of the evaluators, such as `cpu fp32`."""
    _statistics: Callable[[], dict[str, Any]]
    """What `Broker.statistics` returns."""

    def utilisation(self) -> dict[str, float]:
        """Shares of the evaluators' time that were spent at work, as the record has them."""
        return self._statistics()["utilisation"]

    def repeats(self, fidelity: Fidelity, metric: str) -> list[Repeats]:
        """Every set that was evaluated more than once for a reward, with its standard error."""
        return list(self.here.ledger.repeats(fidelity, "reward_val", metric))

    def warnings(self) -> list[str]:
        """Warnings of the evaluators, such as groups that were too large for a GPU."""
        return self._statistics()["warnings"]

    def counts(self) -> dict[str, Any]:
        """Counts of trained and of known evaluations by fidelity, as the record has them."""
        known = self._statistics()
        from_ledger = self.here.from_ledger + Tally(known["from_ledger"])
        by_fidelity = {
            fidelity: {
                "trained": known["trained"].get(fidelity, 0),
                "from_ledger": from_ledger[fidelity],
            }
            for fidelity in sorted({*known["trained"], *from_ledger})
        }
        totals = {
            source: sum(count[source] for count in by_fidelity.values())
            for source in ("trained", "from_ledger")
        }
        return {"by_fidelity": by_fidelity, **totals}


@contextmanager
def evaluations_here(workbench: Workbench, ledger: Path) -> Iterator[EvaluationPool]:
    """Evaluations in this process alone, for runs that solve probes and nothing else."""
    with closing(Ledger(ledger)) as opened:
        here = LocalEvaluations(workbench, opened)

        def statistics() -> dict[str, Any]:
            nothing = {"from_ledger": {}, "utilisation": {}, "warnings": []}
            return {"trained": opened.counts(), **nothing}

        yield EvaluationPool(here, 0, here, workbench.keys.arithmetic, statistics)


@contextmanager
def evaluation_pool(
    config: EvaluatorsConfig, workbench: Workbench, ledger: Path
) -> Iterator[EvaluationPool]:
    """Start Ray and the evaluators unless they are up, and register this run with them."""
    with cluster.ray_session():
        plan = plan_evaluators(config, cluster.nodes(), free=cluster.free())
        plan = replace(plan, precision=workbench.classifier.precision)
        with running_broker(plan) as broker:
            # A pool that was up before may have more or fewer evaluators than planned here.
            num_evaluators = ray.get(broker.ready.remote())
            reason = plan.reason if num_evaluators == plan.count else "those already up"
            console.print(f"{counted(num_evaluators, 'evaluator')} ({reason})", markup=False)
            evaluations = open_run(broker, workbench, ledger)
            here = LocalEvaluations(workbench, Ledger(ledger))

            def statistics() -> dict[str, Any]:
                return ray.get(broker.statistics.remote(evaluations.run_id))

            try:
                yield EvaluationPool(
                    evaluations, num_evaluators, here, evaluations.key_of.arithmetic, statistics
                )
            except Exception as error:
                # RLlib hides the errors of its env runners, so the broker is asked for them.
                failures = ray.get(broker.failures.remote(evaluations.run_id))
                cause = find_input_error(error) or next(iter(failures), error)
                if cause is error:
                    raise
                raise cause from error
            finally:
                here.ledger.close()
                ray.get(broker.close.remote(evaluations.run_id))
