"""Evaluations in this very process: for tests, for small problems, and without a cluster."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rlsel.rewards.jobs import Evaluation, Job
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.workbench import Workbench


class LocalEvaluations:
    """Carries out jobs one after the other; a job the ledger knows is answered from it."""

    def __init__(self, workbench: Workbench, ledger: Ledger) -> None:
        self.workbench, self.ledger = workbench, ledger
        self.from_ledger: Counter[str] = Counter()

    def one(self, job: Job) -> Evaluation:
        key = self.workbench.keys(job)
        known = self.ledger.get(key)
        if known is not None:
            self.from_ledger[job.fidelity] += 1
            return known
        evaluation = self.workbench.evaluate(job)
        self.ledger.put(key, job, evaluation)
        return evaluation

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        return map(self.one, jobs)
