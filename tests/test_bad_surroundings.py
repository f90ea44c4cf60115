"""Folders, disks and clusters that say no: one line, exit code 2, and nothing is lost."""

import errno
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from small_experiment import (
    NOTHING_TO_TRAIN,
    Outcome,
    evaluators_fixture,  # noqa: F401
    finished_run,
    ledger_rows,
    refused,
    rlsel,
    write_config,
)

from rlsel.algorithms.advantages import Taken
from rlsel.algorithms.history import History, load_checkpoint, save_checkpoint
from rlsel.errors import InputError
from rlsel.machine.cluster import ray_session
from rlsel.rewards import Ledger
from rlsel.runs.record import Record

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


# The run folder --------------------------------------------------------------------------------


def test_a_mistake_in_the_inputs_takes_no_folder() -> None:
    write_config(Path("mine.yaml"), data={"source": {"name": "folder", "path": "nowhere"}})
    refused(rlsel("run", "mine.yaml", "--out", "run"))

    write_config(Path("mine.yaml"), pool={"name": "phantom", "num_candidates": 5})
    said = refused(rlsel("run", "mine.yaml", "--out", "run"))

    assert "at least 8 are needed" in said, "not that the folder is another experiment's"
    assert not Path("run").exists()


@pytest.mark.parametrize("words", [("run", "--out"), ("report",)], ids=" ".join)
def test_a_name_that_no_file_system_takes_is_a_mistake(words: tuple[str, ...]) -> None:
    said = refused(rlsel(*words, "x" * 300))

    assert "no file or folder can have so long a name" in said


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


def contents(run_dir: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in run_dir.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_the_folder_of_another_experiment_is_left_alone(finished: Path) -> None:
    before = contents(finished)
    write_config(Path("mine.yaml"), algorithm={"iterations": 3})

    for more in ([], ["--resume"]):
        said = refused(rlsel("run", "mine.yaml", "--out", finished, *more))
        assert said.startswith(
            f"{finished}: holds the run of another experiment (algorithm.iterations is 2 there and "
            "3 here)"
        )
        assert said.endswith("choose another --out")
    assert contents(finished) == before


@pytest.mark.slow
def test_a_run_that_is_there_already_is_left_alone_without_resume(finished: Path) -> None:
    before = contents(finished)
    write_config(Path("mine.yaml"))

    said = refused(rlsel("run", "mine.yaml", "--out", finished))

    assert said == (
        f"{finished}: holds a run of this experiment already; add --resume to go on with it, or "
        "choose another --out"
    )
    assert contents(finished) == before


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_a_folder_with_files_of_somebody_else_is_left_alone(more: list[str]) -> None:
    Path("run").mkdir()
    Path("run/thesis.tex").write_text("my only copy")
    write_config(Path("mine.yaml"))

    said = refused(rlsel("run", "mine.yaml", "--out", "run", *more))

    assert said == "run: is not empty and holds no run of rlsel; choose another --out"
    assert contents(Path("run")) == {"run/thesis.tex": b"my only copy"}


def test_a_folder_that_cannot_be_made() -> None:
    Path("file").write_text("")
    write_config(Path("mine.yaml"))

    said = refused(rlsel("run", "mine.yaml", "--out", "file/run"))

    assert said == (
        "file/run: cannot write config.yaml: a part of that path is a file, not a folder: choose "
        "another folder"
    )


def fail_with(code: int) -> Callable[..., Any]:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(code, "it fails")

    return fail


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, "run: cannot write config.yaml: no space is left: free some"),
        (errno.EACCES, "run: cannot write config.yaml: permission is denied: make it writable"),
        (errno.EROFS, "run: cannot write config.yaml: the file system is read-only"),
    ],
)
def test_a_folder_that_cannot_be_written_to(
    code: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(Path("mine.yaml"))
    monkeypatch.setattr("rlsel.machine.atomic_files.os.fsync", fail_with(code))

    assert refused(rlsel("run", "mine.yaml", "--out", "run")).startswith(expected)
    assert list(Path("run").iterdir()) == []


class FullDisk:
    """Stands for RLlib's algorithm, whose checkpoint is what finds the disk full."""

    get_state = staticmethod(fail_with(errno.ENOSPC))


def test_a_checkpoint_that_finds_the_disk_full_leaves_the_one_before(tmp_path: Path) -> None:
    class Roomy:
        def get_state(self) -> dict:
            return {}

    nothing = Taken.nothing()
    first = History([{"iteration": 1}], [np.full(3, 0.5)], [0], taken=[nothing])
    save_checkpoint(tmp_path, first, Roomy())

    rows = [{"iteration": 1}, {"iteration": 2}]
    second = History(rows, [np.full(3, 0.5)] * 2, [0, 0], taken=[nothing] * 2)
    with pytest.raises(InputError, match=r"cannot write iteration_00002: no space is left"):
        save_checkpoint(tmp_path, second, FullDisk())

    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[0].rows == first.rows


# Ray and what comes back through it ------------------------------------------------------------


def fill_up(path: Path, num_rows_left: int) -> None:
    """Have SQLite itself say "database or disk is full" when so many more rows are in.

    It says so too where the largest possible row number is taken, which is simpler to bring about.
    """
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as ledger:
        ledger.executescript(
            f"""
            CREATE TABLE seats (number INTEGER PRIMARY KEY AUTOINCREMENT);
            INSERT INTO seats VALUES ({2**63 - 1 - num_rows_left});
            CREATE TRIGGER take_a_seat BEFORE INSERT ON evaluations
            BEGIN INSERT INTO seats VALUES (NULL); END;
            """
        )


def free_some_space(path: Path) -> None:
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("DROP TRIGGER take_a_seat")


def claim(**changed: Any) -> Path:
    """The folder of a run that was interrupted before it paid for anything."""

    def press_ctrl_c(*arguments: object) -> None:
        raise KeyboardInterrupt

    write_config(Path("mine.yaml"), **changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlsel.pipeline.select_and_score", press_ctrl_c)
        assert rlsel("run", "mine.yaml", "--out", "run").code == 130
    return Path("run")


def resume() -> Outcome:
    return rlsel("run", "mine.yaml", "--out", "run", "--resume")


@pytest.mark.slow
@pytest.mark.parametrize("after_free_sets", [20, 37])
def test_a_disk_that_fills_up_costs_nothing_that_was_paid_for(
    evaluators_up: None, after_free_sets: int
) -> None:
    # Free sets are first, on both splits. The noise floor takes 16 rows. While learning, two
    # episodes write their two rows together, and in the final evaluation rows come one by one.
    tried = Record.read(finished_run()).free_sets
    assert tried is not None
    num_left = 2 * len(tried["sets"]) + after_free_sets
    claimed = claim()
    ledger = claimed / "ledger.sqlite"
    fill_up(ledger, num_left)

    said = refused(resume())

    assert said.endswith(
        "ledger.sqlite: cannot be written (database or disk is full); free some space, then "
        "--resume"
    )
    assert len(ledger_rows(claimed)) == num_left

    free_some_space(ledger)
    assert resume().code == 0
    assert ledger_rows(claimed) == ledger_rows(finished_run())


@pytest.mark.slow
def test_a_disk_that_fills_up_is_told_of_by_the_env_runners_too(evaluators_up: None) -> None:
    # RLlib drops what its runners raise, and starts them again.
    claimed = claim(algorithm={"num_env_runners": 1})
    fill_up(claimed / "ledger.sqlite", 5)

    assert "database or disk is full" in refused(resume())


@pytest.mark.slow
def test_a_ledger_that_is_none(evaluators_up: None) -> None:
    (claim() / "ledger.sqlite").write_bytes(b"garbage" * 100)

    said = refused(resume())

    assert "ledger.sqlite: cannot be opened as a ledger (" in said
    assert said.endswith("move it away to start afresh")


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process where Ray is not up yet."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    for name in ("RAY_DEDUP_LOGS", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_BACKEND_LOG_LEVEL"):
        monkeypatch.setenv(name, "0")  # so that what is set on the way is undone


@pytest.mark.parametrize("address", [None, ""])
def test_no_cluster_of_somebody_else_is_joined_unasked(
    without_ray: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str | None,
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(ray, "init", lambda **settings: asked.update(settings))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)

    monkeypatch.setattr(ray._private.worker, "print_to_stdstream", print)

    with ray_session():
        assert asked["address"] == "local"
        ray._private.worker.print_to_stdstream("a paragraph of Ray's")
    assert "paragraph" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("[Errno 13] Permission denied: '/r/session_1'", "make /r writable, or set RAY_TMPDIR"),
        ("AF_UNIX path length cannot exceed 107 bytes", "set RAY_TMPDIR to a shorter path"),
        ("[Errno 28] No space left on device", "free some space in /r, or set RAY_TMPDIR"),
        ("The raylet died at once.\nAnd 40 lines more", "its logs in /r/session_latest/logs may"),
    ],
)
def test_ray_that_cannot_start_says_why_and_what_fits_the_cause(
    reason: str, remedy: str, without_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**settings: object) -> None:
        raise RuntimeError(reason)

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("RAY_TMPDIR", "/r")

    with pytest.raises(InputError) as raised, ray_session():
        pass

    first, *_ = reason.splitlines()
    assert str(raised.value).startswith(f"Ray cannot start: {first}; {remedy}")
    assert "ray stop" not in str(raised.value), "it would end the work of others"


def test_a_cluster_that_asks_for_a_token_says_where_it_is(
    without_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**settings: object) -> None:
        try:
            raise RuntimeError("InvalidAuthToken: Authentication token is missing or incorrect")
        except RuntimeError as error:
            raise ConnectionError("Failed to connect to Ray cluster") from error

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("RAY_ADDRESS", "auto")

    with pytest.raises(InputError, match=r"copy ~/\.ray/auth_token .* set RAY_AUTH_MODE=token"):
        ray_session().__enter__()


@pytest.mark.slow
def test_a_cluster_that_is_not_there_says_so(
    without_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    write_config(Path("mine.yaml"), **NOTHING_TO_TRAIN)

    said = refused(rlsel("run", "mine.yaml", "--out", "run"))

    assert said == (
        f"Ray cannot join the cluster at {address}, which RAY_ADDRESS names: Connection refused; "
        "start it with `ray start --head`, or unset RAY_ADDRESS to have a Ray of our own"
    )
