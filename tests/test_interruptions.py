"""No interruption costs a run anything: killed or stopped, it ends as if it had not been."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from small_experiment import (
    METHODS,
    PAPER,
    evaluators_fixture,  # noqa: F401
    finished_run,
    iterations,
    ledger_rows,
    paper_run,
    rlsel,
    without_times,
    write_config,
)

from rlsel.runs.record import Record

pytestmark = pytest.mark.slow

START_S = 240.0
"""For a run to come as far as it should, on a machine that is busy."""


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


@pytest.fixture
def paper(evaluators_up: None) -> Path:
    return paper_run()


@dataclass(frozen=True)
class Running:
    """A run in processes of its own."""

    process: subprocess.Popen
    out: Path
    log: Path

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + START_S
        while not condition():
            assert self.process.poll() is None, f"it ended early:\n{self.log.read_text()[-2000:]}"
            assert time.monotonic() < end, f"it is too slow:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.01)

    def num_trained(self, split: str) -> int:
        return sum(found == split for _, found in ledger_rows(self.out).values())

    def kill(self) -> None:
        """At once, with all that it has started: as when a machine goes down."""
        family = [self.process, *psutil.Process(self.process.pid).children(recursive=True)]
        os.killpg(self.process.pid, signal.SIGKILL)
        end_all(family)


def end_all(family: list) -> None:
    """Workers of Ray are in groups of their own."""
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs([m for m in family if isinstance(m, psutil.Process)], timeout=30)


@contextmanager
def running(config: Path, *more: str) -> Iterator[Running]:
    """`python -m rlsel run` of a config, into the folder `run` beside it; ended with the block."""
    out, log = config.parent / "run", config.parent / "log.txt"
    command = [sys.executable, "-m", "rlsel", "run", str(config), "--out", str(out), *more]
    # Whoever runs the tests in the background may have it ignored, and that would be handed down.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, cwd=config.parent, start_new_session=True
        )
    signal.signal(signal.SIGINT, before)
    try:
        yield Running(process, out, log)
    finally:
        if process.poll() is None:
            end_all([*psutil.Process(process.pid).children(recursive=True), process])
        process.wait()


def require_same(run_dir: Path, reference: Path) -> None:
    """As if it had never been interrupted: nothing was paid for twice and nothing is different."""
    ours, theirs = Record.read(run_dir), Record.read(reference)
    assert ours.finished
    assert ledger_rows(run_dir) == ledger_rows(reference)
    assert ours.evaluations["trained"] == len(ledger_rows(reference))
    assert without_times(iterations(run_dir)) == without_times(iterations(reference))
    name = "selection.parquet"
    assert pq.read_table(run_dir / name).equals(pq.read_table(reference / name))
    assert ours.scores == theirs.scores
    assert (run_dir / "report.html").exists()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_that_was_killed_and_then_stopped_ends_as_one_that_was_not(
    paper: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "a.yaml", **PAPER)
    num_rewards = Counter(split for _, split in ledger_rows(paper).values())["reward_val"]
    with running(config) as run:
        run.wait_for(lambda: run.num_trained("reward_val") > 0.7 * num_rewards)
        run.kill()
    # Else it was not in the middle of the second iteration of two, and nothing is shown here.
    assert len(iterations(run.out)) == 1
    assert run.num_trained("reward_val") < num_rewards

    with running(config, "--resume") as run:
        run.wait_for(lambda: run.num_trained("test") >= 2)
        os.killpg(run.process.pid, signal.SIGINT)  # to the whole group, as Ctrl-C in a terminal
        assert run.process.wait(60) == 130
        said = run.log.read_text()
    assert run.num_trained("test") < len(METHODS)
    assert not Record.read(run.out).finished
    command = f"rlsel run {config} --out {run.out} --resume"
    assert f"interrupted; nothing finished is lost. Go on with: {command}\n" in said
    assert "Traceback" not in said

    outcome = rlsel(*command.split()[1:])

    assert (outcome.code, outcome.err) == (0, "")
    assert "The learned selection scores" in outcome.said
    assert Record.read(run.out).resumed == 2
    require_same(run.out, paper)


def test_an_interrupted_run_has_no_report_yet_but_a_hint(tmp_path: Path) -> None:
    out = tmp_path / "run"
    write_config(tmp_path / "tiny.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlsel.pipeline.select_and_score", _press_ctrl_c)
        assert rlsel("run", tmp_path / "tiny.yaml", "--out", out).code == 130

    outcome = rlsel("report", out)

    assert outcome.code == 2
    assert outcome.err == (
        f"rlsel: {out} is not finished: resume it with "
        f"`rlsel run {out}/config.yaml --out {out} --resume`\n"
    )


def _press_ctrl_c(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_run_goes_on_only_with_the_images_that_it_began_with(
    finished: Path, tmp_path: Path
) -> None:
    record = asdict(Record.read(finished)) | {"finished": False, "data_digest": "of others"}
    out = tmp_path / "run"
    write_config(tmp_path / "tiny.yaml")
    out.mkdir()
    (out / "config.yaml").write_bytes((finished / "config.yaml").read_bytes())
    Record(**record).write(out)

    outcome = rlsel("run", tmp_path / "tiny.yaml", "--out", out, "--resume")

    assert outcome.code == 2
    assert outcome.err.startswith(f"rlsel: {out}: the training images have changed since this run")
