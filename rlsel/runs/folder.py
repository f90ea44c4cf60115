"""The folder of a run, held by one process. This file writes all files and figures of a run."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from rlsel.data import ImageSet, Splits
from rlsel.errors import InputError
from rlsel.evaluation.rounds import Scores
from rlsel.evaluation.truth import batch_of_candidates
from rlsel.machine.cache.kept import Work, kept
from rlsel.machine.monitoring import PeakMemory
from rlsel.machine.workplace import Workplace
from rlsel.pool import InputReport, Pool
from rlsel.quality.of_run import risk_of
from rlsel.quality.pairs import Pairs, write_pairs
from rlsel.rewards import Fidelity
from rlsel.rewards.pool import EvaluationPool
from rlsel.runs.config_file import CONFIG
from rlsel.runs.contact_sheets import save_contact_sheets
from rlsel.runs.lock import FolderLock
from rlsel.runs.record import FILE_NAME as RECORD_NAME
from rlsel.runs.record import Record
from rlsel.runs.selection_table import write_selection
from rlsel.seeding import rng
from rlsel.selectors import Selection
from rlsel.selectors.free import FreeSets
from rlsel.stages.candidates import Candidates
from rlsel.stages.description import Description
from rlsel.stages.examination import Examination
from rlsel.stages.judging import Truth
from rlsel.stages.learning import Learning
from rlsel.stages.recommending import Recommendation

LEDGER = "ledger.sqlite"
INPUTS = {
    "train": "training {noun}s",
    "validation": "validation {noun}s",
    "test": "test {noun}s",
}
"""Name of an input -> what messages call it. Other inputs are called by their names."""
GENERATOR = "generator"
"""Subfolder of a run for the training of its own generator."""
T = TypeVar("T")


class RunFolder:
    """The folder of a run, claimed for one experiment and seed, and held by this process.

    Stages do not know the folder. `pipeline.py` runs each stage within `stage`, and passes the
    returned values on to the folder. Use it in a `with` block, which releases the folder at the
    end.
    """

    def __init__(self, path: Path, record: Record, lock: FolderLock) -> None:
        self.path = path
        self.record = record
        self._lock = lock
        self._wall_before_s = record.wall_s
        self._start = time.monotonic()
        self._memory_before_gib = np.nan_to_num(record.peak_memory_gib)
        self._memory: PeakMemory | None = None

    def __enter__(self) -> "RunFolder":
        self._memory = PeakMemory().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._memory is not None:
            self._memory.__exit__(None, None, None)
        self._lock.release()

    def update(self, **changes: object) -> None:
        """Change the record and write it, with the time and memory so far, so that a kill of the
        process loses neither."""
        always = {
            "wall_s": self._wall_before_s + time.monotonic() - self._start,
            "peak_memory_gib": max(
                self._memory.gib if self._memory else 0.0, self._memory_before_gib
            ),
        }
        self.record = replace(self.record, **always, **changes)  # pyright: ignore
        self.record.write(self.path)

    def note(self, texts: Iterable[str]) -> None:
        """Add notes to the record, without repeating those already there."""
        self.update(notes=[*dict.fromkeys((*self.record.notes, *texts))])

    def warn(self, texts: Iterable[str]) -> None:
        """Add warnings to the record, without repeating those already there."""
        self.update(warnings=[*dict.fromkeys((*self.record.warnings, *texts))])

    @contextmanager
    def stage(self, name: str) -> Iterator["Stage"]:
        """Record the time spent in the block under `name`, at the end and at each `book_time`."""
        stage = Stage(self, name)
        yield stage
        stage.book_time()

    @contextmanager
    def reading_inputs(self) -> Iterator["Stage"]:
        """The first stage. If the inputs are wrong, the new folder is removed."""
        try:
            with self.stage("data") as stage:
                yield stage
        except Exception:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove the folder if no stage was finished, so that wrong inputs use up no name."""
        if not self.record.stage_s:
            for name in (RECORD_NAME, CONFIG):
                (self.path / name).unlink(missing_ok=True)
            self._lock.give_up()
            with suppress(OSError):  # it was there before and is not empty
                self.path.rmdir()

    def require_same(self, splits: Splits, **others: str) -> None:
        """Refuse to go on with other inputs than the run began with, and record those that are new.

        Args:
            others: Name of another input, such as `candidates` -> its hash.

        Raises:
            InputError: a hash in the record differs.
        """
        now = {
            "train": splits.train.digest,
            "validation": f"{splits.reward_val.digest} {splits.selection_val.digest}",
            **({"test": splits.test.digest} if len(splits.test) else {}),
            **others,
        }
        record = self.record
        before = {"train": record.data_digest, "candidates": record.pool_digest}
        before |= record.input_digests
        for name, digest in now.items():
            if before.get(name) not in (None, "", digest):
                what = INPUTS.get(name, name).format(noun=splits.train.noun)
                raise InputError(
                    f"{self.path}: the {what} have changed since this run began; bring them back, "
                    "or choose another --out"
                )
        known = before | now
        self.update(
            data_digest=known.pop("train"), pool_digest=known.pop("candidates"), input_digests=known
        )

    def begin(self, report: InputReport, splits: Splits, candidates: Candidates) -> None:
        """Write the inputs of the run, with notes and warnings on them.

        Raises:
            InputError: the run began with other candidates.
        """
        self.require_same(splits, candidates=candidates.pool.digest)
        self.note(finding.text for finding in report.findings if finding.level == "note")
        self.warn((*report.warnings, *candidates.warnings))
        self.update(class_names=list(splits.class_names))

    def write_examination(self, examined: Examination, dropped: Pairs | None) -> None:
        """Write the findings on the candidates as images, and the most similar pairs."""
        self.note(examined.notes)
        self.warn(examined.warnings)
        self.update(
            quality=examined.quality,
            classification=examined.classification,
            pattern=examined.pattern,
        )
        write_pairs(dropped or examined.pairs, self.path)

    def write_arithmetic(self, now: str, fidelities: tuple[Fidelity, ...]) -> None:
        """Write the arithmetic of the evaluators, with a warning if it has changed.

        The ledger does not answer with scores of another arithmetic, but what the controller has
        learned from such scores stays.
        """
        before = self.record.arithmetic
        self.update(arithmetic=now)
        if before not in ("", now) and fidelities != ("probe",):
            self.warn(
                [
                    f"this run began on evaluators that train in {before} and went on in {now}, so "
                    "rewards of its iterations are of both; state classifier.precision, and resume "
                    "on the same kind of machine"
                ]
            )

    def write_free_sets(self, free: FreeSets | None, metric: str) -> None:
        """Write what the free sets are worth, if they were tried."""
        if free is None:
            return
        sets = [
            {
                "score": one.score,
                "fraction": one.fraction,
                "reward_val": paid,
                "selection_val": seen,
            }
            for one, paid, seen in zip(
                free.sets, free.reward_val_S.tolist(), free.selection_val_S.tolist(), strict=True
            )
        ]
        self.update(free_sets={"metric": metric, "sets": sets, "best": free.best})

    def write_learning(self, learned: Learning | None) -> None:
        """Write the figures of learning, if anything was learned."""
        if learned is not None:
            self.warn(learned.warnings)
            self.update(learning=learned.figures, noise=learned.noise)

    def write_recommendation(self, made: Recommendation | None) -> None:
        """Write which finalist is recommended, if there was a choice."""
        if made is not None:
            scores = {
                one.method: values.tolist()
                for one, values in zip(made.finalists, made.scores_FR, strict=True)
            }
            kept = {one.method: one.num_kept for one in made.finalists}
            methods = [one.method for one in made.finalists]
            self.update(
                recommendation={
                    "method": methods[made.best],
                    "leader": methods[made.leader],
                    "fidelity": made.fidelity,
                    "metric": made.metric,
                    "scores": scores,
                    "num_kept": kept,
                }
            )

    def write_selection(
        self,
        splits: Splits,
        pool: Pool,
        described: Description,
        examined: Examination,
        shown: Selection,
        learned: Selection | None,
    ) -> None:
        """Write the selection, its contact sheets, and whether it raised the risk of copies.

        Args:
            shown: The final selection of the run.
            learned: That of the controller, whose keep probabilities are written in any case.
        """
        batch_N = batch_of_candidates(described.problem)
        nearest_train = splits.train.ids[examined.copies.content.candidates.nearest]
        columns = (batch_N, shown, learned, nearest_train)
        write_selection(self.path, pool, described.table, *columns)
        if isinstance(pool.candidates, ImageSet):
            save_contact_sheets(
                self.path,
                pool.candidates.images,
                pool.candidates.labels,
                pool.candidates.class_names,
                shown.kept_N,
                shown.score_N,
                rng(self.record.seed, "contact sheets"),
            )
        self.update(copies=risk_of(examined.copies, shown.kept_N))

    def write_evaluations(self, evaluators: EvaluationPool) -> None:
        """Write the number of evaluations, and the utilisation of the evaluators."""
        self.warn(evaluators.warnings())
        self.update(evaluations=evaluators.counts(), utilisation=evaluators.utilisation())

    def finish(self, scores: Scores, selections: Sequence[Selection], truth: Truth) -> None:
        """Write the final scores, and mark the run as finished."""
        self.update(
            finished=True,
            scores=scores,
            num_kept={selection.method: selection.num_kept for selection in selections},
            truth=truth.by_method,
            truth_by_kind=truth.by_kind,
        )


class Stage:
    """A running stage: finds earlier results, keeps new results, and records its time."""

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self._booked_until = time.monotonic()

    def keep(self, work: Work[T]) -> T:
        """The value of `work`, from this folder or the cache, or computed now and kept in both."""
        return kept(work, self._folder.path)

    def ran_at(self, where: Workplace) -> None:
        """Record the machines and devices that carried out work of this stage, if there was any."""
        if places := where.places():
            ran_on = self._folder.record.ran_on | {self._name: ", then ".join(places)}
            self._folder.update(ran_on=ran_on)

    def book_time(self) -> None:
        """Record the time since the last call, so that a kill of the process does not lose it."""
        now = time.monotonic()
        record = self._folder.record
        spent = record.stage_s.get(self._name, 0.0) + now - self._booked_until
        self._booked_until = now
        self._folder.update(stage_s=record.stage_s | {self._name: spent})
