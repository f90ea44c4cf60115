"""An experiment of seconds and the command line that runs it: each test says what it changes."""

import io
import json
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from rlsel.experiment.config import Experiment, build_experiment, merge

TINY: dict[str, Any] = {
    "data": {
        "source": {
            "name": "phantom",
            "num_train": 40,
            "num_val": 40,
            "num_test": 30,
            "size_px": 16,
        }
    },
    "pool": {"name": "phantom", "num_candidates": 32},
    "classifier": {"epochs": 1},
    "features": {"extractor": {"epochs": 1}, "num_batches": 4},
    "algorithm": {"iterations": 2, "episodes": 2, "num_env_runners": 0, "minibatch_size": 4},
    "evaluation": {"rounds": 1},
    "evaluators": {"count": 1},
}
NUM_CANDIDATES = 32
METHODS = ("real_only", "keep_all", "uniform", "centroid", "oracle", "controller")
NOTHING_TO_TRAIN: dict[str, Any] = {
    "selection": {"methods": ["keep_all"]},
    "evaluation": {"rounds": 0},
}
"""Laid over TINY: no controller and no test score, so that only the extractor is trained."""


@dataclass(frozen=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Its output with all line breaks and blanks made one blank: a terminal is narrow."""
        return " ".join(self.out.split())


def tiny(**changed: Any) -> Experiment:
    return build_experiment(merge({"name": "tiny", **TINY}, changed), "a test")


def write_config(path: Path, **changed: Any) -> Path:
    path.write_text(yaml.safe_dump(merge(TINY, changed)))
    return path


def rlsel(*words: object) -> Outcome:
    """The command line in this process, with the Ray that is up."""
    from rlsel.cli import main
    from rlsel.machine.cluster import quieten

    quieten()  # as where rlsel starts Ray itself
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["rlsel", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def refused(outcome: Outcome) -> str:
    """The one line of a mistake, once it is known to be one."""
    assert outcome.code == 2, outcome
    assert re.fullmatch(r"rlsel: [^\n]+\n", outcome.err), outcome.err
    return outcome.err.removeprefix("rlsel: ").rstrip("\n")


@pytest.fixture(scope="session", name="evaluators_up")
def evaluators_fixture(ray_cluster: None) -> Iterator[None]:
    """One evaluator for all runs of the session, which each would otherwise start afresh.

    Import it where it is needed: whoever comes second gets the first one's.
    """
    from rlsel.rewards.plan import EvaluatorPlan
    from rlsel.rewards.pool import running_broker

    with running_broker(EvaluatorPlan(count=1, cpus_each=0.5, gpus_each=0.0, reason="tests")):
        yield


@cache
def finished_run() -> Path:
    """The run folder of TINY, run once a session. Its caller needs `evaluators_up`."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=os.environ["HOME"]))
    config = write_config(folder / "tiny.yaml")
    outcome = rlsel("run", config, "--out", folder / "run")
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return folder / "run"


def ledger_rows(run_dir: Path) -> dict[str, tuple[str, str]]:
    """Key -> (fidelity, split) of every evaluation in a ledger, one in use included."""
    path = run_dir / "ledger.sqlite"
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT key, fidelity, split FROM evaluations").fetchall()
    except sqlite3.OperationalError:  # it is just being made
        return {}
    return {key: (fidelity, split) for key, fidelity, split in rows}


PAPER: dict[str, Any] = {
    "preset": "paper",
    "algorithm": {"num_env_runners": 1},
    "evaluation": {"rounds": 1},
}
"""Laid over TINY. Every reward trains a network, so that there is time to be interrupted; and
rewards are smoothed over the whole run by a process that rolls out, so that there is something to
remember."""


@cache
def paper_run() -> Path:
    """The paper's preset without any interruption. Its caller needs `evaluators_up`."""
    folder = finished_run().with_name("paper")
    config = write_config(folder.with_suffix(".yaml"), **PAPER)
    outcome = rlsel("run", config, "--out", folder)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    return folder


def iterations(run_dir: Path) -> list[dict[str, Any]]:
    path = run_dir / "iterations.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
