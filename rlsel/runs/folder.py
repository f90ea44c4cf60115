"""The folder of a run, held by one process: every file and figure of a run is written from here."""

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
from rlsel.stages.candidates import Candidates
from rlsel.stages.description import Description
from rlsel.stages.examination import Examination
from rlsel.stages.judging import Truth
from rlsel.stages.learning import Learning

LEDGER = "ledger.sqlite"
GENERATOR = "generator"
"""Folder of a run for the training of its own generator."""
T = TypeVar("T")


class RunFolder:
    """One run's folder, claimed by one experiment and seed, and held by this process.

    Stages know nothing of it. `pipeline.py` runs each of them within `stage`, and hands over what
    they return. Use the folder in a `with` block, which lets go of it in the end.
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
        """Change the record and write it, with time and memory so far: a kill loses neither."""
        always = {
            "wall_s": self._wall_before_s + time.monotonic() - self._start,
            "peak_memory_gib": max(
                self._memory.gib if self._memory else 0.0, self._memory_before_gib
            ),
        }
        self.record = replace(self.record, **always, **changes)  # pyright: ignore
        self.record.write(self.path)

    def note(self, texts: Iterable[str]) -> None:
        """Add notes to the record; those that stand there already are not repeated."""
        self.update(notes=[*dict.fromkeys((*self.record.notes, *texts))])

    def warn(self, texts: Iterable[str]) -> None:
        """Add warnings to the record; those that stand there already are not repeated."""
        self.update(warnings=[*dict.fromkeys((*self.record.warnings, *texts))])

    @contextmanager
    def stage(self, name: str) -> Iterator["Stage"]:
        """Book the time spent within under `name`, in the end and whenever the stage says so."""
        stage = Stage(self, name)
        yield stage
        stage.book_time()

    @contextmanager
    def reading_inputs(self) -> Iterator["Stage"]:
        """The first stage: a mistake in the inputs leaves no folder behind."""
        try:
            with self.stage("data") as stage:
                yield stage
        except Exception:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give the folder up if no stage was finished: a mistake in the inputs takes no name."""
        if not self.record.stage_s:
            for name in (RECORD_NAME, CONFIG):
                (self.path / name).unlink(missing_ok=True)
            self._lock.give_up()
            with suppress(OSError):  # it was there before, with something in it
                self.path.rmdir()

    def require_same(self, data_digest: str, pool_digest: str = "") -> None:
        """A run that goes on must find the images that it began with.

        Args:
            data_digest: Of the training images.
            pool_digest: Of the candidates; empty while they are not there yet.

        Raises:
            InputError: the record has another one.
        """
        for what, before, now in (
            ("training images", self.record.data_digest, data_digest),
            ("candidates", self.record.pool_digest, pool_digest),
        ):
            if before and now and before != now:
                raise InputError(
                    f"{self.path}: the {what} have changed since this run began; bring them back, "
                    "or choose another --out"
                )

    def begin(self, report: InputReport, splits: Splits, candidates: Candidates) -> None:
        """Write what the run works on, and what is said of it.

        Raises:
            InputError: the run began with other images.
        """
        self.require_same(splits.train.digest, candidates.pool.digest)
        self.note(finding.text for finding in report.findings if finding.level == "note")
        self.warn((*report.warnings, *candidates.warnings))
        self.update(
            class_names=list(splits.class_names),
            data_digest=splits.train.digest,
            pool_digest=candidates.pool.digest,
        )

    def write_examination(self, examined: Examination, dropped: Pairs | None) -> None:
        """Write what was found of the candidates as images, and the pairs most alike."""
        self.note(examined.notes)
        self.warn(examined.warnings)
        self.update(
            quality=examined.quality,
            classification=examined.classification,
            pattern=examined.pattern,
        )
        write_pairs(dropped or examined.pairs, self.path)

    def write_arithmetic(self, now: str, fidelities: tuple[Fidelity, ...]) -> None:
        """Write in which arithmetic the evaluators train, with a warning if it has changed.

        The ledger answers nothing that was trained in another one; what was learned by it stays.
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

    def write_learning(self, learned: Learning | None) -> None:
        """Write how learning went, if anything was learned."""
        if learned is not None:
            self.warn(learned.warnings)
            self.update(learning=learned.figures, noise=learned.noise)

    def write_selection(
        self,
        splits: Splits,
        pool: Pool,
        described: Description,
        examined: Examination,
        shown: Selection,
    ) -> None:
        """Write the selection, what it looks like, and whether selecting raised the risk of copies.

        Args:
            shown: The selection that the run ends with.
        """
        batch_N = batch_of_candidates(described.problem)
        nearest_train = splits.train.ids[examined.copies.content.candidates.nearest]
        write_selection(self.path, pool, described.table, batch_N, shown, nearest_train)
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
        """Write how many evaluations were paid for, and how busy the evaluators were."""
        self.warn(evaluators.warnings())
        self.update(evaluations=evaluators.counts(), utilisation=evaluators.utilisation())

    def finish(self, scores: Scores, selections: Sequence[Selection], truth: Truth) -> None:
        """Write the final scores; from now on the run is finished."""
        self.update(
            finished=True,
            scores=scores,
            num_kept={selection.method: selection.num_kept for selection in selections},
            truth=truth.by_method,
            truth_by_kind=truth.by_kind,
        )


class Stage:
    """A stage at work: what it made before is found, what it makes is kept, its time is booked."""

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self._booked_until = time.monotonic()

    def keep(self, work: Work[T]) -> T:
        """The value of `work`: from this folder or the cache, or made now and kept in both."""
        return kept(work, self._folder.path)

    def book_time(self) -> None:
        """Book the time since this was last called, so that a kill loses none of it."""
        now = time.monotonic()
        record = self._folder.record
        spent = record.stage_s.get(self._name, 0.0) + now - self._booked_until
        self._booked_until = now
        self._folder.update(stage_s=record.stage_s | {self._name: spent})
