"""Evaluations in this process: for probes, tests and small problems, without a cluster."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from threading import Lock

from rlsel.rewards.jobs import Evaluation, Fidelity, Job, Split
from rlsel.rewards.ledger import Ledger
from rlsel.rewards.workbench import Workbench


class LocalEvaluations:
    """Carries out jobs that the ledger has no result of, and answers the others from the ledger."""

    def __init__(self, workbench: Workbench, ledger: Ledger) -> None:
        self.workbench, self.ledger = workbench, ledger
        self.from_ledger: Counter[str] = Counter()
        self._one_at_a_time = Lock()

    def one(self, job: Job) -> Evaluation:
        """Answer one job."""
        return next(self.many([job]))

    def many(self, jobs: Iterable[Job]) -> Iterator[Evaluation]:
        """Results in the order of the jobs. Jobs of one kind are carried out in groups."""
        with self._one_at_a_time:
            return iter(self._carry_out(list(jobs)))

    def _carry_out(self, jobs: list[Job]) -> list[Evaluation]:
        keys = [self.workbench.keys(job) for job in jobs]
        asked = dict(zip(keys, jobs, strict=True))
        known = {key: self.ledger.get(key, job.metrics) for key, job in asked.items()}
        wanted = {key: job for key, job in asked.items() if known[key] is None}
        for group in self._groups(wanted):
            found, _ = self.workbench.carry_out([job for _, job in group], len(group))
            answers = [(*item, answer) for item, answer in zip(group, found, strict=True)]
            self.ledger.put_many(answers)
            known |= {key: answer for key, _, answer in answers}
        for fidelity, count in Counter(job.fidelity for job in jobs).items():
            paid = sum(job.fidelity == fidelity for job in wanted.values())
            self.from_ledger[fidelity] += count - paid
        return [answer for key in keys if (answer := known[key]) is not None]

    def _groups(self, wanted: dict[str, Job]) -> Iterator[list[tuple[str, Job]]]:
        for (fidelity, _), items in groupby(sorted(wanted.items(), key=_kind), key=_kind):
            todo, size = list(items), self.workbench.group_size(fidelity)
            yield from (todo[start : start + size] for start in range(0, len(todo), size))


def _kind(item: tuple[str, Job]) -> tuple[Fidelity, Split]:
    return item[1].fidelity, item[1].split
