"""The ledger: every finished evaluation, on disk before its reward is used, paid for only once.

Shape letters: N candidates.
"""

import json
import math
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from rlsel.errors import InputError
from rlsel.metrics import mean_and_std
from rlsel.rewards.jobs import Evaluation, Fidelity, Job, Metric, Split

LAYOUT = 1
"""Stands in the file as `user_version`; raise it when the columns or what they hold change."""

# The kept candidates come last: in a large pool they fill pages that a look-up need not read.
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
REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space, then --resume",
    sqlite3.SQLITE_IOERR: "look after the disk and your quota, then --resume",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: wait for it or end it, then --resume",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, then --resume",
    sqlite3.SQLITE_CANTOPEN: "is its folder there, and writable?",
}
START_AFRESH = "move it away to start afresh"
PATIENCE_S = 30
"""How long to wait for other processes that write."""


@dataclass(frozen=True)
class Repeats:
    """One set of candidates, evaluated with several seeds."""

    kept_N: Bool[np.ndarray, " n"]
    num_seeds: int
    """At least 2."""
    mean: float
    """Of `Evaluation.best`, in the metric's own unit, like `std` and `standard_error`."""
    std: float
    """Sample standard deviation (divisor `num_seeds` - 1): how far one evaluation can be off."""

    @property
    def standard_error(self) -> float:
        """Of the mean: how far that can be off."""
        return self.std / math.sqrt(self.num_seeds)


class Ledger:
    """A SQLite file in write-ahead mode: a process killed mid-write loses at most that one row.

    Several processes may hold it open and write; of equal keys the first to be written stays. Not
    for network file systems, whose locks SQLite cannot trust: the broker keeps it on its own node.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the ledger, and see that all its pages are sound.

        Raises:
            InputError: the file is no ledger, is damaged, is one of another layout, or it cannot
                be written.
        """
        self.path = path
        with self._telling("opened as a ledger"):
            # Autocommit: a row is safe when `put` returns.
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
            # Of two processes here at once the second finds the table there and changes nothing.
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
        """Set the mode. Of processes that create a ledger at once SQLite lets one, and no other
        waits: it sees a deadlock coming and says "busy" at once."""
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

    def get(self, key: str) -> Evaluation | None:
        """The evaluation written under `key`, or None.

        Raises:
            InputError: the file was damaged after it was opened.
        """
        with self._telling("read"):
            row = self._db.execute(
                "SELECT scores, num_train, train_s, worker FROM evaluations WHERE key = ?", (key,)
            ).fetchone()
            return row and Evaluation(_from_json(row[0]), *row[1:])

    def put(self, key: str, job: Job, evaluation: Evaluation) -> None:
        """Write one evaluation; on return it survives a crash. A key written before stays.

        Raises:
            InputError: the disk is full or the file cannot be written.
        """
        self.put_many([(key, job, evaluation)])

    def put_many(self, entries: Iterable[tuple[str, Job, Evaluation]]) -> None:
        """Write evaluations, all of them or none: for many it takes about as long as for one.

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
                        # Not INSERT OR IGNORE: that drops a row with a NULL without a word.
                        "ON CONFLICT (key) DO NOTHING",
                        row,
                    )

    def counts(self) -> dict[str, int]:
        """Evaluations paid for so far, by fidelity."""
        rows = self._db.execute("SELECT fidelity, COUNT(*) FROM evaluations GROUP BY fidelity")
        return dict(rows.fetchall())

    def repeats(self, fidelity: Fidelity, split: Split, metric: Metric) -> Iterator[Repeats]:
        """Every kept set that was evaluated with two or more seeds, in the order of first writing.

        Sets are told apart by who is kept alone, so this is for the ledger of one run. Where its
        images or settings changed on the way, the newest evaluation of a set and seed counts.
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
        """Say what the user can do where the file cannot be `done`."""
        try:
            yield
        except (InputError, sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise  # said already, or a bug of ours
        except (sqlite3.DatabaseError, ValueError) as error:
            # The lowest byte is the kind of error, those above it the detail.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            remedy = REMEDIES.get(code, START_AFRESH)
            raise InputError(f"{self.path}: cannot be {done} ({error}); {remedy}") from None


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
    """Standard JSON, which has neither NaN nor infinity: NaN is null, infinity is 1e999."""
    known = {
        metric: [None if math.isnan(value) else value for value in values]
        for metric, values in scores.items()
    }
    # Too large for a double, so whoever reads it (Python, SQLite, JavaScript) has infinity again.
    return json.dumps(known).replace("Infinity", "1e999")


def _from_json(text: str) -> dict[str, list[float]]:
    return {
        metric: [math.nan if value is None else value for value in values]
        for metric, values in json.loads(text).items()
    }
