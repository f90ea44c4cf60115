"""A whole run: what it leaves behind, and that no interruption costs it anything."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from small_experiment import (
    METHODS,
    NOTHING_TO_TRAIN,
    NUM_CANDIDATES,
    evaluators_fixture,  # noqa: F401
    finished_run,
    ledger_rows,
    rlsel,
    tiny,
    write_config,
)

import rlsel as package
from rlsel.config import merge
from rlsel.metrics import SCORE_METRICS
from rlsel.records import Record
from rlsel.rewards import Workbench

pytestmark = pytest.mark.slow

PAPER: dict[str, Any] = {"preset": "paper", "evaluation": {"rounds": 1}}
"""Laid over TINY. Every reward trains a network, so that there is time to be interrupted; and
rewards are smoothed over the whole run, so that there is something to remember."""
START_S = 240.0
"""For a run to come as far as it should, on a machine that is busy."""


@cache
def paper_run() -> Path:
    """The paper's preset without any interruption. Its caller needs `evaluators_up`."""
    folder = finished_run().with_name("paper")
    config = write_config(folder.with_suffix(".yaml"), **PAPER)
    outcome = rlsel("run", config, "--out", folder)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return folder


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


@pytest.fixture
def paper(evaluators_up: None) -> Path:
    return paper_run()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process trained or evaluated: nothing of this happens in a run that is finished."""
    calls: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *arguments, **named: calls.append(name)

    monkeypatch.setattr("rlsel.pipeline.select_and_score", note("pipeline"))
    monkeypatch.setattr("rlsel.features.stored.fit", note("extractor"))
    monkeypatch.setattr(Workbench, "evaluate", note("evaluation"))
    return calls


def iterations(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / "iterations.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


# What a run leaves behind ----------------------------------------------------------------------


def test_a_run_writes_every_file(finished: Path) -> None:
    files = {path.name for path in finished.iterdir()}

    assert files >= {
        *("config.yaml", "record.json", "ledger.sqlite", "features.npz", "selection.parquet"),
        *("iterations.jsonl", "checkpoints", "report.html", "contact_sheets.npz", "figures"),
    }
    assert not list(finished.rglob(".*")), "a temporary file was left"
    assert [p.name for p in (finished / "checkpoints").iterdir()] == ["iteration_00002"]


def test_the_config_in_the_folder_is_complete_and_the_same_experiment(finished: Path) -> None:
    stored = package.load_experiment(finished / "config.yaml")

    assert stored == tiny()


def test_the_record_says_what_was_run_and_on_what(finished: Path) -> None:
    record = Record.read(finished)

    assert record.finished
    assert (record.name, record.seed, record.resumed) == ("tiny", 0, 0)
    assert record.config_hash == tiny().hash
    assert record.command.startswith("rlsel run ")
    assert "core" in record.device
    assert {"python", "rlsel", "torch", "ray", "numpy"} <= record.versions.keys()


def test_the_record_says_what_the_run_cost(finished: Path) -> None:
    record = Record.read(finished)

    assert 0 < sum(record.stage_s.values()) <= record.wall_s
    assert set(record.stage_s) == {
        *("data", "features", "evaluators", "learning", "final evaluation"),
    }
    assert 0.1 < record.peak_memory_gib < 100


def test_evaluations_are_counted_by_fidelity_as_the_ledger_has_them(finished: Path) -> None:
    evaluations = Record.read(finished).evaluations
    in_ledger = Counter(fidelity for fidelity, _ in ledger_rows(finished).values())

    by_fidelity = evaluations["by_fidelity"]
    assert {name: count["trained"] for name, count in by_fidelity.items()} == dict(in_ledger)
    assert evaluations["trained"] == sum(in_ledger.values())
    assert evaluations["from_ledger"] == sum(c["from_ledger"] for c in by_fidelity.values())
    # 2 iterations x 2 episodes x 4 decisions, and each iteration's selection on both halves.
    asked = by_fidelity["probe"]
    assert asked["trained"] + asked["from_ledger"] == 2 * (2 * 4 + 2)
    assert by_fidelity["full"] == {"trained": len(METHODS), "from_ledger": 0}


def test_every_method_has_a_test_score_of_every_metric_for_every_round(finished: Path) -> None:
    record = Record.read(finished)

    assert set(record.scores) == set(METHODS)
    for scores in record.scores.values():
        assert set(scores) == set(SCORE_METRICS)
        assert all(len(values) == 1 and 0 <= values[0] <= 1 for values in scores.values())


def test_every_method_but_the_trivial_ones_keeps_as_many_as_the_controller(finished: Path) -> None:
    num_kept = Record.read(finished).num_kept

    assert num_kept["uniform"] == num_kept["centroid"] == num_kept["controller"]
    assert (num_kept["real_only"], num_kept["keep_all"]) == (0, NUM_CANDIDATES)
    kept = pq.read_table(finished / "selection.parquet").column("kept").to_pylist()
    assert sum(kept) == num_kept["controller"]


def test_the_planted_truth_is_in_the_record(finished: Path) -> None:
    record = Record.read(finished)

    assert record.truth is not None
    assert {"controller", "oracle", "uniform", "batch_index"} <= record.truth.keys()
    assert record.truth["oracle"]["precision"] == record.truth["oracle"]["recall"] == 1.0
    assert 0 <= record.truth["controller"]["auc"] <= 1
    assert math.isnan(record.truth["uniform"]["auc"])
    assert record.truth_by_kind is not None
    assert sum(kind["count"] for kind in record.truth_by_kind.values()) == NUM_CANDIDATES


def test_there_is_a_row_for_every_iteration(finished: Path) -> None:
    rows = iterations(finished)

    assert [row["iteration"] for row in rows] == [1, 2]
    record = Record.read(finished)
    chosen = rows[int(record.learning["chosen_iteration"]) - 1]
    assert chosen["selection_val"] == max(row["selection_val"] for row in rows)
    assert record.learning["selection_val"] == chosen["selection_val"]


def test_a_finished_run_that_is_resumed_trains_nothing(finished: Path, trained: list[str]) -> None:
    before = (finished / "record.json").read_bytes()

    result = package.run(tiny(), out=finished, resume=True, quiet=True)

    assert trained == []
    assert (finished / "record.json").read_bytes() == before
    assert result.selection.num_kept == result.record.num_kept["controller"]


def test_a_run_without_a_controller_compares_the_others(
    evaluators_up: None, tmp_path: Path
) -> None:
    experiment = tiny(selection={"methods": ["keep_all", "uniform"], "keep_fraction": 0.25})

    result = package.run(experiment, out=tmp_path / "run", quiet=True)

    assert set(result.record.scores) == {"real_only", "keep_all", "uniform", "oracle"}
    assert result.record.num_kept["uniform"] == NUM_CANDIDATES / 4
    assert result.record.learning == {}
    assert iterations(tmp_path / "run") == []
    assert "No controller" in (tmp_path / "run" / "report.html").read_text()


def test_zero_rounds_leave_test_unread(evaluators_up: None, tmp_path: Path) -> None:
    result = package.run(tiny(**NOTHING_TO_TRAIN), out=tmp_path / "run", quiet=True)

    assert result.record.finished
    assert result.record.scores == {}
    assert ledger_rows(tmp_path / "run") == {}
    assert "no test scores" in (tmp_path / "run" / "report.html").read_text()


def test_the_papers_preset_runs_and_trains_a_network_for_every_reward(paper: Path) -> None:
    record = Record.read(paper)

    assert record.finished
    assert set(record.evaluations["by_fidelity"]) == {"full"}
    splits = Counter(split for _, split in ledger_rows(paper).values())
    assert splits["test"] == len(METHODS)
    assert splits["reward_val"] > 2 * 4


# Interruptions ---------------------------------------------------------------------------------


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
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, cwd=config.parent, start_new_session=True
        )
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


@pytest.mark.timeout(900)
def test_a_run_killed_twice_ends_as_one_that_was_never_interrupted(
    paper: Path, tmp_path: Path
) -> None:
    # With a process that rolls out: what it holds must survive too.
    config = write_config(
        tmp_path / "a.yaml", **merge(PAPER, {"algorithm": {"num_env_runners": 1}})
    )
    num_rewards = Counter(split for _, split in ledger_rows(paper).values())["reward_val"]
    with running(config) as run:
        run.wait_for(lambda: run.num_trained("reward_val") > 0.7 * num_rewards)
        run.kill()
    # Else it was not in the middle of the second iteration of two, and nothing is shown here.
    assert len(iterations(run.out)) == 1
    assert run.num_trained("reward_val") < num_rewards

    with running(config, "--resume") as run:
        run.wait_for(lambda: run.num_trained("test") >= 2)
        run.kill()
    assert run.num_trained("test") < len(METHODS)
    assert not Record.read(run.out).finished

    outcome = rlsel("run", config, "--out", run.out, "--resume")
    assert (outcome.code, outcome.err) == (0, "")
    assert Record.read(run.out).resumed == 2
    require_same(run.out, paper)


@pytest.mark.timeout(900)
def test_ctrl_c_says_how_to_go_on_and_loses_nothing(paper: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.yaml", **PAPER)
    with running(config) as run:
        run.wait_for(lambda: run.num_trained("reward_val") > 0)
        os.killpg(run.process.pid, signal.SIGINT)  # to the whole group, as a terminal does
        assert run.process.wait(60) == 130
        said = run.log.read_text()
    command = f"rlsel run {config} --out {run.out} --resume"
    assert f"interrupted; nothing finished is lost. Go on with: {command}\n" in said
    assert "Traceback" not in said
    assert not Record.read(run.out).finished

    outcome = rlsel(*command.split()[1:])

    assert (outcome.code, outcome.err) == (0, "")
    assert "The learned selection scores" in outcome.said
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
