"""What the ledger has, it keeps: over reopening, over processes, over kills."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rlsel
from rlsel.errors import InputError
from rlsel.rewards import Evaluation, Fidelity, Job, Ledger

# The package `rlsel.rewards` loads torch, which takes seconds; the ledger itself needs none of it.
WRITER = """
import sys, types
import numpy as np
package = types.ModuleType("rlsel.rewards")
package.__path__ = [sys.argv[2] + "/rewards"]
sys.modules["rlsel.rewards"] = package
from pathlib import Path
from rlsel.rewards.jobs import Evaluation, Job
from rlsel.rewards.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    job = Job(np.arange(61) < number % 61, "probe", number, "reward_val")
    ledger.put(f"key {number}", job, Evaluation({"auc": [number / 7]}, number, 0.5, "writer"))
    print(number, flush=True)
"""


def evaluation(value: float = 0.75, worker: str = "local") -> Evaluation:
    return Evaluation({"auc": [0.5, value], "log_loss": [-0.7, -0.6]}, 23, 1.5, worker)


def job(fidelity: Fidelity = "probe", seed: int = 3) -> Job:
    return Job(np.arange(61) % 3 == 0, fidelity, seed, "reward_val")


def start_writer(path: Path, num_rows: int) -> subprocess.Popen[str]:
    """A process of its own that acknowledges each row on a line."""
    package = Path(rlsel.__file__).parent
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(package)]
    return subprocess.Popen(
        [*command, str(num_rows)], stdout=subprocess.PIPE, text=True, cwd=package.parent
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def open_ledger(path: Path):
    """Opens the ledger as often as asked; all are closed in the end."""
    ledgers: list[Ledger] = []

    def open_one() -> Ledger:
        ledgers.append(Ledger(path))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def test_a_row_comes_back_as_it_was_put(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    put = Evaluation({"auc": [float("nan"), 0.1 + 0.2], "log_loss": [-np.inf, -0.6]}, 23, 1.5, "w")
    ledger.put("a", job(), put)

    got = ledger.get("a")

    assert got is not None
    assert got.scores["auc"][1] == 0.1 + 0.2
    assert np.isnan(got.scores["auc"][0])
    assert got.scores["log_loss"] == [-np.inf, -0.6]
    assert (got.num_train, got.train_s, got.worker) == (23, 1.5, "w")


def test_an_unknown_key_gives_nothing(open_ledger: Callable[[], Ledger]) -> None:
    assert open_ledger().get("a") is None


def test_rows_survive_reopening(open_ledger: Callable[[], Ledger]) -> None:
    first = open_ledger()
    first.put("a", job(), evaluation())
    first.close()

    again = open_ledger()

    assert again.get("a") == evaluation()
    assert len(again) == 1


def test_a_row_is_never_overwritten(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), evaluation(0.75, "first"))
    ledger.put("a", job(), evaluation(0.25, "second"))

    assert ledger.get("a") == evaluation(0.75, "first")
    assert len(ledger) == 1


def test_counts_are_by_fidelity(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    assert ledger.counts() == {}

    for number in range(7):
        ledger.put(f"{number}", job("full" if number < 2 else "probe"), evaluation())

    assert ledger.counts() == {"full": 2, "probe": 5}
    assert len(ledger) == 7


def test_the_kept_candidates_stand_in_the_file(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job("full", seed=3), evaluation())

    query = "SELECT fidelity, split, seed, num_kept, kept FROM evaluations"
    (row,) = ledger._db.execute(query).fetchall()

    assert row[:4] == ("full", "reward_val", 3, 21)
    bits_N = np.unpackbits(np.frombuffer(row[4], dtype=np.uint8), count=61)
    assert np.array_equal(bits_N == 1, job().kept_N)


def test_what_one_connection_puts_another_gets(open_ledger: Callable[[], Ledger]) -> None:
    one, other = open_ledger(), open_ledger()

    one.put("a", job(), evaluation(0.75))
    other.put("a", job(), evaluation(0.25))
    other.put("b", job(), evaluation(0.25))

    assert other.get("a") == evaluation(0.75)
    assert one.get("b") == evaluation(0.25)


def test_a_row_put_by_one_process_is_seen_by_another(
    open_ledger: Callable[[], Ledger], path: Path
) -> None:
    ledger = open_ledger()
    with start_writer(path, num_rows=3) as writer:
        assert writer.wait() == 0

    assert ledger.get("key 2") == Evaluation({"auc": [2 / 7]}, 2, 0.5, "writer")
    assert len(ledger) == 3


def test_a_killed_process_leaves_every_row_it_acknowledged(
    open_ledger: Callable[[], Ledger], path: Path
) -> None:
    with start_writer(path, num_rows=1_000_000) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(31)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]

    assert writer.returncode == -signal.SIGKILL
    ledger = open_ledger()
    for number in acknowledged:
        found = ledger.get(f"key {number}")
        assert found is not None
        assert found.scores == {"auc": [number / 7]}
    # At most the row that was being written is there beyond those.
    assert len(ledger) - len(acknowledged) in (0, 1)
    ledger.put("after", job(), evaluation())
    assert open_ledger().get("after") == evaluation()


@pytest.mark.parametrize("content", [b"garbage" * 100, b"SQLite format 3\0 and then nothing else"])
def test_a_file_of_garbage_is_an_input_error_that_says_what_to_do(
    content: bytes, path: Path
) -> None:
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"cannot be opened as a ledger.*move it away"):
        Ledger(path)
    assert path.read_bytes() == content


def test_a_ledger_in_a_folder_that_does_not_exist_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened as a ledger"):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite")


def test_a_ledger_that_cannot_grow_is_an_input_error(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), evaluation())
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(1000):
            ledger.put(f"{number}", job(), evaluation())

    with pytest.raises(InputError, match=r"cannot be written \(.*full.*free some space"):
        fill()
    assert ledger.get("a") == evaluation()
