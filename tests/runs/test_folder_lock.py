"""Nobody works in the folder of somebody who is alive, and nobody waits for the dead."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment
from rlsel.runs import lock as folder_lock
from rlsel.runs.claim import claim
from rlsel.runs.folder import RunFolder
from rlsel.runs.lock import HOLDER, LOCK, FolderLock, holder_of, holding, is_empty
from rlsel.runs.read import read_run
from rlsel.runs.record import LAYOUT, Record

EXPERIMENT = build_experiment({"name": "mine"}, "here")
SCRIPT = """
import sys
from pathlib import Path
from filelock import FileLock
folder = Path(sys.argv[1])
lock = FileLock(folder / ".lock")
lock.acquire()
(folder / ".lock-holder").write_text("process 61 on elsewhere")
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def without_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder_lock, "PATIENCE_S", 0.1)


def take(out: Path | None = None, resume: bool = False) -> RunFolder:
    blank = Record(name="mine", config_hash=EXPERIMENT.hash, seed=0, finished=False, layout=LAYOUT)
    return claim(EXPERIMENT, out, resume, blank)


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.parametrize("resume", [False, True])
def test_the_folder_of_a_run_that_is_alive_is_refused(tmp_path: Path, resume: bool) -> None:
    with take(tmp_path / "run"):
        pass
    before = Record.read(tmp_path / "run")

    with (
        held_elsewhere(tmp_path / "run"),
        pytest.raises(InputError, match=r"run: is in use by process 61 on elsewhere; wait for it"),
    ):
        take(tmp_path / "run", resume)

    assert Record.read(tmp_path / "run") == before


def test_who_holds_a_folder_is_named_by_process_and_host(tmp_path: Path) -> None:
    with take(tmp_path / "run"):
        assert holder_of(tmp_path / "run") == f"process {os.getpid()} on {socket.gethostname()}"
    assert holder_of(tmp_path / "run") is None


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        assert holder_of(tmp_path) == "process 61 on elsewhere"
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert (tmp_path / HOLDER).exists()
        assert holder_of(tmp_path) is None
        FolderLock(tmp_path).release()


def test_two_runs_that_start_at_once_get_two_folders() -> None:
    taken: list[RunFolder] = []
    start = threading.Barrier(7)

    def begin() -> None:
        start.wait()
        taken.append(take())

    threads = [threading.Thread(target=begin) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({folder.path for folder in taken}) == 7
    for folder in taken:
        folder.__exit__()


def test_a_folder_that_was_let_go_is_taken_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), take(tmp_path / "run"):
        raise KeyboardInterrupt

    with take(tmp_path / "run", resume=True) as again:
        assert again.record.resumed == 1


def test_a_sweep_holds_its_folder(tmp_path: Path) -> None:
    with holding(tmp_path / "sweep"), pytest.raises(InputError, match="is in use by process"):
        FolderLock(tmp_path / "sweep")

    assert is_empty(tmp_path / "sweep")


def test_a_run_that_is_alive_is_not_told_to_be_resumed(tmp_path: Path) -> None:
    with take(tmp_path / "run"), pytest.raises(InputError, match="at work on it") as raised:
        read_run(tmp_path / "run")

    assert "--resume" not in str(raised.value)


def test_without_locks_of_the_file_system_it_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(folder_lock.FileLock, "acquire", fail)

    with take(tmp_path / "run") as folder:
        assert folder.record.resumed == 0
    assert "has no locks (No locks available)" in capsys.readouterr().out


def test_a_folder_given_up_is_gone(tmp_path: Path) -> None:
    with take(tmp_path / "run") as folder:
        assert (tmp_path / "run" / LOCK).exists()
        folder.abandon()

    assert not (tmp_path / "run").exists()
