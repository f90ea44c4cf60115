"""What the ledger has, it keeps: over processes, over kills, over files that were damaged."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_ledger import evaluation, job

import rlsel
from rlsel.errors import InputError
from rlsel.rewards import Evaluation, Ledger
from rlsel.rewards.ledger import LAYOUT

# The package `rlsel.rewards` loads torch, which takes seconds; the ledger itself needs none of it.
WRITER = """
import sys, types
import numpy as np
path, name, num_rows, package_path = sys.argv[1:]
package = types.ModuleType("rlsel.rewards")
package.__path__ = [package_path + "/rewards"]
sys.modules["rlsel.rewards"] = package
from pathlib import Path
from rlsel.rewards.jobs import Evaluation, Job
from rlsel.rewards.ledger import Ledger
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger(Path(path))
for number in range(int(num_rows)):
    job = Job(np.arange(61) < number % 61, "probe", number, "reward_val")
    for key in (f"shared {number}", f"{name} {number}"):
        ledger.put(key, job, Evaluation({"auc": [number / 7]}, number, 0.5, name))
        print(key, ledger.get(key).worker, sep="/", flush=True)
"""


def start_writer(path: Path, name: str, num_rows: int) -> subprocess.Popen[str]:
    """A process of its own that says of every row it put whose it finds there, as KEY/WORKER.

    Each number has two rows, one under a key of all writers and one under its own. It opens the
    ledger when it is told to, by `let_go`.
    """
    package = Path(rlsel.__file__).parent
    command = [sys.executable, "-c", WRITER, str(path), name, str(num_rows), str(package)]
    writer = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=package.parent,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def let_go(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()


def acknowledged(lines: Iterable[str]) -> list[tuple[str, str]]:
    """(key, worker) of every whole line."""
    return [(line.split("/")[0], line.split("/")[1].strip()) for line in lines if line[-1:] == "\n"]


def rows_in(ledger: Ledger) -> dict[str, str]:
    """Key -> worker."""
    rows = ledger._db.execute("SELECT key, worker FROM evaluations").fetchall()
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def test_a_row_put_by_one_process_is_seen_by_another(
    open_ledger: Callable[[], Ledger], ledger_path: Path
) -> None:
    ledger = open_ledger()
    with start_writer(ledger_path, "writer", num_rows=3) as writer:
        let_go(writer)
        assert writer.wait() == 0

    assert ledger.get("writer 2") == Evaluation({"auc": [2 / 7]}, 2, 0.5, "writer")
    assert len(ledger) == 6


def test_processes_that_write_at_once_lose_and_double_nothing(
    open_ledger: Callable[[], Ledger], ledger_path: Path
) -> None:
    names, num_rows = ("ada", "bob", "eve"), 211
    writers = [start_writer(ledger_path, name, num_rows) for name in names]
    for writer in writers:  # all of them create the ledger, too
        let_go(writer)
    said = [acknowledged(writer.communicate()[0].splitlines(True)) for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0]
    found = rows_in(open_ledger())
    own = {f"{name} {number}": name for name in names for number in range(num_rows)}
    assert found == found | own
    assert found.keys() - own.keys() == {f"shared {number}" for number in range(num_rows)}
    # Whatever a writer found under a shared key right after it had put its own, is there for good.
    assert all(found[key] == worker for lines in said for key, worker in lines)
    assert [len(lines) for lines in said] == [2 * num_rows] * 3


def test_a_killed_process_leaves_every_row_it_acknowledged(
    open_ledger: Callable[[], Ledger], ledger_path: Path
) -> None:
    with start_writer(ledger_path, "writer", num_rows=1_000_000) as writer:
        let_go(writer)
        assert writer.stdout is not None
        said = acknowledged(writer.stdout.readline() for _ in range(231))
        os.kill(writer.pid, signal.SIGKILL)
        said += acknowledged(writer.stdout)

    assert writer.returncode == -signal.SIGKILL
    ledger = open_ledger()
    assert rows_in(ledger).items() >= set(said)
    for number in range(len(said) // 2):
        found = ledger.get(f"writer {number}")
        assert found is not None
        assert found.scores == {"auc": [number / 7]}
    # At most the row that was being written is there beyond those.
    assert len(ledger) - len(said) in (0, 1)
    ledger.put("after", job(), evaluation())
    assert open_ledger().get("after") == evaluation()


def cut(wal: bytes, point: int) -> bytes:
    return wal[:point]


def garble(wal: bytes, point: int) -> bytes:
    return wal[:point] + bytes(np.random.default_rng(point).bytes(len(wal) - point))


def flip(wal: bytes, point: int) -> bytes:
    return wal[:point] + bytes([wal[point] ^ 1]) + wal[point + 1 :]


@pytest.mark.parametrize("damage", [cut, garble, flip])
def test_a_write_cut_off_anywhere_costs_no_row_before_it(
    damage: Callable[[bytes, int], bytes], ledger_path: Path, tmp_path: Path
) -> None:
    ledger, wal = Ledger(ledger_path), ledger_path.with_name(ledger_path.name + "-wal")
    ends = []
    for number in range(5):
        ledger.put(f"{number}", job(), evaluation(number / 5))
        ends.append(wal.stat().st_size)
    content, written = ledger_path.read_bytes(), wal.read_bytes()
    ledger.close()

    for point in range(ends[0], ends[-1], 491):
        damaged = tmp_path / f"{point}.sqlite"
        damaged.write_bytes(content)
        damaged.with_name(damaged.name + "-wal").write_bytes(damage(written, point))
        with closing(Ledger(damaged)) as again:
            whole = [number for number in range(5) if ends[number] <= point]
            assert [n for n in range(5) if again.get(f"{n}")] == whole
            assert all(again.get(f"{n}") == evaluation(n / 5) for n in whole)
            again.put("4", job(), evaluation(0.875))
        with closing(Ledger(damaged)) as again:
            assert again.get("4") == evaluation(0.875)


@pytest.mark.parametrize("content", [b"garbage" * 100, b"SQLite format 3\0 and then nothing else"])
def test_a_file_of_garbage_is_an_input_error_that_says_what_to_do(
    content: bytes, ledger_path: Path
) -> None:
    ledger_path.write_bytes(content)

    with pytest.raises(InputError, match=r"cannot be opened as a ledger.*move it away"):
        Ledger(ledger_path)
    assert ledger_path.read_bytes() == content


@pytest.mark.parametrize("fraction", [0.002, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("garbled", [False, True])
def test_a_damaged_ledger_is_an_input_error_of_one_line(
    fraction: float, garbled: bool, ledger_path: Path
) -> None:
    with closing(Ledger(ledger_path)) as ledger:
        for number in range(101):
            ledger.put(f"{number}", job(), evaluation())
    content = ledger_path.read_bytes()
    start = int(fraction * len(content))
    noise = np.random.default_rng(7).bytes(5003) + content[start + 5003 :]
    ledger_path.write_bytes(content[:start] + (noise if garbled else b""))

    with pytest.raises(InputError, match=r"cannot be opened as a ledger.*start afresh$") as caught:
        Ledger(ledger_path)
    assert "\n" not in str(caught.value)


def test_garbage_moved_away_leaves_nothing_in_the_way(ledger_path: Path) -> None:
    with closing(Ledger(ledger_path)) as ledger:
        ledger.put("a", job(), evaluation())
        wal = ledger_path.with_name(ledger_path.name + "-wal")
        left_behind = wal.read_bytes()
    wal.write_bytes(left_behind)
    ledger_path.unlink()

    with closing(Ledger(ledger_path)) as ledger:
        assert len(ledger) == 0
        ledger.put("b", job(), evaluation())
    with closing(Ledger(ledger_path)) as ledger:
        assert rows_in(ledger) == {"b": "local"}


def test_pages_that_break_while_the_ledger_is_open_are_an_input_error(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), evaluation())
    ledger._db.execute("UPDATE evaluations SET scores = '{\"auc\": [0.'")

    with pytest.raises(InputError, match=r"ledger.sqlite: cannot be read .*start afresh$"):
        ledger.get("a")


@pytest.mark.parametrize("layout", [0, LAYOUT + 1])
def test_a_ledger_of_another_layout_is_left_alone_with_a_word_on_what_to_do(
    layout: int, ledger_path: Path
) -> None:
    with closing(sqlite3.connect(ledger_path)) as other:
        other.executescript(f"CREATE TABLE evaluations (a); PRAGMA user_version = {layout}")

    with pytest.raises(InputError) as caught:
        Ledger(ledger_path)

    assert str(caught.value) == (
        f"{ledger_path}: is a ledger of layout {layout}, and this rlsel reads layout {LAYOUT}; "
        "go on with the rlsel that wrote it, or move it away to start afresh"
    )
    with closing(sqlite3.connect(ledger_path)) as other:
        assert other.execute("SELECT sql FROM sqlite_master").fetchall() == [
            ("CREATE TABLE evaluations (a)",)
        ]


def test_a_ledger_that_another_process_keeps_locked_is_an_input_error(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger, other = open_ledger(), open_ledger()
    ledger._db.execute("PRAGMA busy_timeout = 10")
    other._db.execute("BEGIN IMMEDIATE")

    with pytest.raises(InputError, match="another process keeps it locked"):
        ledger.put("a", job(), evaluation())


def test_a_ledger_that_may_not_be_written_is_an_input_error(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    ledger._db.execute("PRAGMA query_only = 1")

    with pytest.raises(InputError, match="make the file and its folder writable"):
        ledger.put("a", job(), evaluation())


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
