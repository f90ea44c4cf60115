"""How fast a large ledger is: look-up, writing, and start-up, also of one a killed process left.

    python benchmarks/ledger_speed.py [--evaluations 10000] [--openings 7]

For a pool of usual size and for a huge one. Writes benchmarks/records/ledger_speed.json.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from recording import write_record
from recording.files import this_machine

from rlsel.machine.json_files import to_json
from rlsel.metrics import SCORE_METRICS
from rlsel.rewards import Evaluation, Job, Ledger

RECORD = Path(__file__).parent / "records" / "ledger_speed.json"
POOL_SIZES = (1_024, 100_000)
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast a large ledger is.")
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--openings", type=int, default=7, help="start-ups to time")
    parser.add_argument("--folder", type=Path, help="where the ledgers go: the disk to measure")
    arguments = parser.parse_args()
    cells = {}
    for num_candidates in POOL_SIZES:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            cells[str(num_candidates)] = measure(
                Path(folder), arguments.evaluations, num_candidates, arguments.openings
            )
    machine = this_machine()
    machine["versions"]["sqlite"] = sqlite3.sqlite_version
    summary = {name: summarise(cell) for name, cell in cells.items()}
    write_record(
        RECORD,
        summary=summary,
        n=arguments.evaluations,
        config={"openings": arguments.openings, "pool_sizes": POOL_SIZES},
        cells=cells,
        machine=machine,
    )
    print(to_json(summary, indent=1))


def measure(folder: Path, num_rows: int, num_candidates: int, num_openings: int) -> dict[str, Any]:
    """Fill a ledger, look every key up in random order, and open it again and again."""
    path = folder / "ledger.sqlite"
    ledger = Ledger(path)
    generator = np.random.default_rng(0)
    keys = [generator.bytes(16).hex() for _ in range(num_rows)]
    jobs = random_jobs(generator, num_candidates)
    put_s = [
        seconds(partial(ledger.put, key, job, evaluation))[0]
        for key, (job, evaluation) in zip(keys, jobs, strict=False)
    ]
    looked_up = [seconds(partial(ledger.get, str(key))) for key in generator.permutation(keys)]
    assert all(found is not None for _, found in looked_up)
    startup_after_kill_s = [open_copy(path, num_rows) for _ in range(num_openings)]
    ledger.close()
    return {
        "lookup_s": percentiles([one_s for one_s, _ in looked_up]),
        "put_s": percentiles(put_s),
        "startup_s": [open_one(path, num_rows) for _ in range(num_openings)],
        "startup_after_kill_s": startup_after_kill_s,
        "file_mib": path.stat().st_size / 2**20,
    }


def random_jobs(
    generator: np.random.Generator, num_candidates: int
) -> Iterator[tuple[Job, Evaluation]]:
    """Without end; nine of ten are probes, which have one validated epoch and not five."""
    for seed in count():
        full = generator.random() < 0.1
        kept_N = generator.random(num_candidates) < 0.5
        scores = {
            metric: generator.random(5 if full else 1).tolist()
            for metric in (*SCORE_METRICS, "log_loss")
        }
        job = Job(kept_N, "full" if full else "probe", seed, "reward_val")
        yield job, Evaluation(scores, 500 + int(kept_N.sum()), 1.5, generator.bytes(16).hex())


def open_copy(path: Path, num_rows: int) -> float:
    """Start-up with what a process killed at this moment leaves: the file and a log beside it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name in (path.name, f"{path.name}-wal"):
            shutil.copy(path.with_name(name), folder)
        return open_one(Path(folder) / path.name, num_rows)


def open_one(path: Path, num_rows: int) -> float:
    opening_s, ledger = seconds(partial(Ledger, path))
    assert len(ledger) == num_rows
    ledger.close()
    return opening_s


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def percentiles(values_s: list[float]) -> dict[str, float]:
    """From the least to the largest; of ten thousand values these tell enough."""
    return {f"p{p}": float(np.percentile(values_s, p)) for p in (0, 5, 50, 95, 99, 100)}


def summarise(cell: dict[str, Any]) -> dict[str, float]:
    """What targets name: milliseconds of one look-up and one write, seconds of a start-up."""
    summary = {
        f"{name}_ms_{word}": 1000 * cell[f"{name}_s"][percentile]
        for name in ("lookup", "put")
        for word, percentile in (("median", "p50"), ("p99", "p99"))
    }
    for name in ("startup_s", "startup_after_kill_s"):
        summary[f"{name}_max"] = max(cell[name])
    return {name: round(value, 4) for name, value in summary.items()} | {
        "file_mib": round(cell["file_mib"], 1)
    }


if __name__ == "__main__":
    main()
