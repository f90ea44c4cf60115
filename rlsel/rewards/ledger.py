"""The ledger: every finished evaluation, on disk before its reward is used, paid for only once."""

import json
import sqlite3
import time
from pathlib import Path

import numpy as np

from rlsel.errors import InputError
from rlsel.rewards.jobs import Evaluation, Job

SCHEMA = """
CREATE TABLE IF NOT EXISTS evaluations (
    key TEXT PRIMARY KEY,
    fidelity TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL,
    num_kept INTEGER NOT NULL, kept BLOB NOT NULL,
    scores TEXT NOT NULL, num_train INTEGER NOT NULL, train_s REAL NOT NULL, worker TEXT NOT NULL,
    finished_at REAL NOT NULL
) WITHOUT ROWID
"""


class Ledger:
    """A SQLite file in write-ahead mode: a process killed mid-write loses at most that one row.

    Several processes may hold it open. Not for network file systems, whose locks SQLite cannot
    trust; the broker is the only writer of a run and keeps it on its own node.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the ledger.

        Raises:
            InputError: the file is no ledger, or cannot be written.
        """
        self.path = path
        try:
            # Autocommit: a row is safe when `put` returns.
            self._db = sqlite3.connect(
                path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{path}: cannot be opened as a ledger ({error}); move it away to start afresh"
            ) from None

    def get(self, key: str) -> Evaluation | None:
        """The evaluation written under `key`, or None."""
        row = self._db.execute(
            "SELECT scores, num_train, train_s, worker FROM evaluations WHERE key = ?", (key,)
        ).fetchone()
        return row and Evaluation(json.loads(row[0]), *row[1:])

    def put(self, key: str, job: Job, evaluation: Evaluation) -> None:
        """Write one evaluation; on return it survives a crash. A key written before stays.

        Raises:
            InputError: the disk is full or the file cannot be written.
        """
        row = (
            *(key, job.fidelity, job.split, job.seed),
            *(int(job.kept_N.sum()), np.packbits(job.kept_N).tobytes()),
            *(json.dumps(evaluation.scores), evaluation.num_train),
            *(evaluation.train_s, evaluation.worker, time.time()),
        )
        try:
            self._db.execute(
                f"INSERT OR IGNORE INTO evaluations VALUES ({','.join('?' * len(row))})", row
            )
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error}); free some space, then --resume"
            ) from None

    def counts(self) -> dict[str, int]:
        """Evaluations paid for so far, by fidelity."""
        rows = self._db.execute("SELECT fidelity, COUNT(*) FROM evaluations GROUP BY fidelity")
        return dict(rows.fetchall())

    def __len__(self) -> int:
        return sum(self.counts().values())

    def close(self) -> None:
        self._db.close()
