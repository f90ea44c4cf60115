"""Opening the pool of evaluators for one run, and closing it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from rlsel import cluster
from rlsel.data.wording import counted
from rlsel.errors import find_input_error
from rlsel.progress import console
from rlsel.rewards.evaluators import RayEvaluations, get_broker, open_run, running_broker
from rlsel.rewards.plan import EvaluatorsConfig, plan_evaluators
from rlsel.rewards.workbench import Workbench


@dataclass(frozen=True)
class EvaluationPool:
    """What a run needs of its evaluators."""

    evaluations: RayEvaluations
    num_evaluators: int

    def counts(self) -> dict[str, Any]:
        """Evaluations paid for and answered by the ledger, as the record has them."""
        known = ray.get(get_broker().statistics.remote(self.evaluations.run_id))
        by_fidelity = {
            fidelity: {
                "trained": known["trained"].get(fidelity, 0),
                "from_ledger": known["from_ledger"].get(fidelity, 0),
            }
            for fidelity in sorted({*known["trained"], *known["from_ledger"]})
        }
        totals = {
            source: sum(count[source] for count in by_fidelity.values())
            for source in ("trained", "from_ledger")
        }
        return {"by_fidelity": by_fidelity, **totals}


@contextmanager
def evaluation_pool(
    config: EvaluatorsConfig, workbench: Workbench, ledger: Path
) -> Iterator[EvaluationPool]:
    """Start Ray and the evaluators where they are not up yet, and hand them this run's images."""
    with cluster.ray_session():
        plan = plan_evaluators(config, cluster.num_cpus(), cluster.num_gpus())
        with running_broker(plan) as broker:
            # In a pool that was there before, there may be more or fewer than planned here.
            num_evaluators = ray.get(broker.ready.remote())
            reason = plan.reason if num_evaluators == plan.count else "those already up"
            console.print(f"{counted(num_evaluators, 'evaluator')} ({reason})", markup=False)
            evaluations = open_run(broker, workbench, ledger)
            try:
                yield EvaluationPool(evaluations, num_evaluators)
            except Exception as error:
                # RLlib keeps to itself what its env runners raise; the broker remembers it.
                failures = ray.get(broker.failures.remote(evaluations.run_id))
                cause = find_input_error(error) or next(iter(failures), error)
                if cause is error:
                    raise
                raise cause from None
            finally:
                ray.get(broker.close.remote(evaluations.run_id))
