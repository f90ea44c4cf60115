"""The ledger: every finished evaluation, written to disk before its reward is used.

Shape letters: N candidates.
"""

import json
import math
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from rlsel.errors import InputError
from rlsel.metrics import mean_and_std
from rlsel.rewards.jobs import Evaluation, Fidelity, Job, Split

LAYOUT = 1
"""Stored in the file as `user_version`. Raise it when the columns or their meaning change."""

# The kept candidates are the last column: in a large pool they fill pages, which a look-up then
# need not read.
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS evaluations (
    key TEXT PRIMARY KEY,
    fidelity TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL,
    scores TEXT NOT NULL, num_train INTEGER NOT NULL, train_s REAL NOT NULL, worker TEXT NOT NULL,
    finished_at REAL NOT NULL,
    num_kept INTEGER NOT NULL, num_candidates INTEGER NOT NULL, kept BLOB NOT NULL
);
PRAGMA user_version = {LAYOUT};
COMMIT;
"""
LACKS_A_METRIC = """
EXISTS (
    SELECT 1 FROM json_each(excluded.scores) AS new
    WHERE new.key NOT IN (SELECT old.key FROM json_each(evaluations.scores) AS old)
)
"""
REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space, then --resume",
    sqlite3.SQLITE_IOERR: "look after the disk and your quota, then --resume",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: wait for it or end it, then --resume",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, then --resume",
    sqlite3.SQLITE_CANTOPEN: "is its folder there, and writable?",
}
START_AFRESH = "move it away to start afresh"
PATIENCE_S = 30
"""Longest wait for other processes that write."""


@dataclass(frozen=True)
class Repeats:
    """One set of candidates, evaluated with several seeds."""

    kept_N: Bool[np.ndarray, " n"]
    num_seeds: int
    """At least 2."""
    mean: float
    """Mean of `Evaluation.best`, in the metric's own unit, like `std` and `standard_error`."""
    std: float
    """Sample standard deviation (divisor `num_seeds` - 1), the error of a single evaluation."""

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return self.std / math.sqrt(self.num_seeds)


class Ledger:
    """A SQLite file in write-ahead mode. A process that is killed loses at most the row it writes.

    Several processes may open it and write to it; of equal keys the first one written stays. It
    must not lie on a network file system, whose locks are not reliable, so the broker keeps it on
    its own node.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the ledger, and check all its pages.

        Raises:
            InputError: the file is no ledger, is damaged, has another layout, or cannot be
                written.
        """
        self.path = path
        with self._telling("opened as a ledger"):
            # Without an isolation level SQLite commits at once, so a row is on disk when `put`
            # returns.
            self._db = sqlite3.connect(
                path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._write_ahead()
        self._db.execute("PRAGMA synchronous=FULL")
        if not self._db.execute("SELECT * FROM sqlite_master").fetchone():
            # If two processes come here at once, the second finds the table and changes nothing.
            self._db.executescript(SCHEMA)
        (layout,) = self._db.execute("PRAGMA user_version").fetchone()
        if layout != LAYOUT:
            raise InputError(
                f"{self.path}: is a ledger of layout {layout}, and this rlsel reads layout "
                f"{LAYOUT}; go on with the rlsel that wrote it, or {START_AFRESH}"
            )
        (finding,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise sqlite3.DatabaseError(finding.splitlines()[-1])

    def _write_ahead(self) -> None:
        """Switch on write-ahead mode.

        If several processes create a ledger at once, SQLite lets one of them and answers "busy" to
        the others at once, without waiting. So the call is repeated.
        """
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def get(self, key: str, metrics: Sequence[str] = ()) -> Evaluation | None:
        """The evaluation written under `key`; None where there is none that has these metrics.

        Raises:
            InputError: the file was damaged after it was opened.
        """
        with self._telling("read"):
            row = self._db.execute(
                "SELECT scores, num_train, train_s, worker FROM evaluations WHERE key = ?", (key,)
            ).fetchone()
            scores = _from_json(row[0]) if row else {}
        has_all = row and all(metric in scores for metric in metrics)
        return Evaluation(scores, *row[1:]) if has_all else None

    def put(self, key: str, job: Job, evaluation: Evaluation) -> None:
        """Write one evaluation, which is on disk on return.

        A row that was written before stays as it was, unless it lacks a metric that is there now.

        Raises:
            InputError: the disk is full or the file cannot be written.
        """
        self.put_many([(key, job, evaluation)])

    def put_many(self, entries: Iterable[tuple[str, Job, Evaluation]]) -> None:
        """Write evaluations, all of them or none. Many take about as long as one.

        Raises:
            InputError: as for `put`.
        """
        rows = [_row(*entry) for entry in entries]
        with self._telling("written"):
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or on an error takes back
                for row in rows:
                    self._db.execute(
                        f"INSERT INTO evaluations ({', '.join(row)}) VALUES (:{', :'.join(row)}) "
                        # INSERT OR IGNORE would silently drop a row with a NULL.
                        f"ON CONFLICT (key) DO UPDATE SET {_taken_over(row)} "
                        f"WHERE {LACKS_A_METRIC}",
                        row,
                    )

    def counts(self) -> dict[str, int]:
        """Evaluations paid for so far, by fidelity."""
        rows = self._db.execute("SELECT fidelity, COUNT(*) FROM evaluations GROUP BY fidelity")
        return dict(rows.fetchall())

    def repeats(self, fidelity: Fidelity, split: Split, metric: str) -> Iterator[Repeats]:
        """Every kept set that was evaluated with two or more seeds, in the order of first writing.

        A set is identified by its kept candidates alone, so this works on the ledger of one run. If
        several rows have the same set and seed, the newest one counts.
        """
        with self._telling("read"):
            rows = self._db.execute(
                "SELECT kept, num_candidates, seed, scores, num_train, train_s FROM evaluations "
                "WHERE fidelity = ? AND split = ? ORDER BY finished_at, rowid",
                (fidelity, split),
            ).fetchall()
            best_by_seed: dict[tuple[bytes, int], dict[int, float]] = defaultdict(dict)
            for kept, num_candidates, seed, scores, num_train, train_s in rows:
                evaluation = Evaluation(_from_json(scores), num_train, train_s)
                if metric not in evaluation.scores:
                    continue  # the row is of before there was this metric
                best_by_seed[kept, num_candidates][seed] = evaluation.best(metric)
        for (kept, num_candidates), best in best_by_seed.items():
            if len(best) > 1:
                bits_N = np.unpackbits(np.frombuffer(kept, dtype=np.uint8), count=num_candidates)
                yield Repeats(bits_N == 1, len(best), *mean_and_std([*best.values()]))

    def __len__(self) -> int:
        return sum(self.counts().values())

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _telling(self, done: str) -> Iterator[None]:
        """Turn errors of SQLite into one line that says what the user can do."""
        try:
            yield
        except (InputError, sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise  # said already, or a bug of ours
        except (sqlite3.DatabaseError, ValueError) as error:
            # The lowest byte of the code is the kind of error, the others are details.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            remedy = REMEDIES.get(code, START_AFRESH)
            raise InputError(f"{self.path}: cannot be {done} ({error}); {remedy}") from None


def _taken_over(columns: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns)


def _row(key: str, job: Job, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "key": key,
        "fidelity": job.fidelity,
        "split": job.split,
        "seed": job.seed,
        "scores": _to_json(evaluation.scores),
        "num_train": evaluation.num_train,
        "train_s": evaluation.train_s,
        "worker": evaluation.worker,
        "finished_at": time.time(),
        "num_kept": int(job.kept_N.sum()),
        "num_candidates": len(job.kept_N),
        "kept": np.packbits(job.kept_N).tobytes(),
    }


def _to_json(scores: dict[str, list[float]]) -> str:
    """Scores as standard JSON, which has neither NaN nor infinity: NaN is null, infinity 1e999."""
    known = {
        metric: [None if math.isnan(value) else value for value in values]
        for metric, values in scores.items()
    }
    # 1e999 is too large for a double, so Python, SQLite and JavaScript read it as infinity.
    return json.dumps(known).replace("Infinity", "1e999")


def _from_json(text: str) -> dict[str, list[float]]:
    return {
        metric: [math.nan if value is None else value for value in values]
        for metric, values in json.loads(text).items()
    }
