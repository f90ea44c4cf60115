"""The scores that the tutorial shows are those of a record."""

import json

import pytest
from docs_pages import DOCS, ROOT

from rlsel.reporting.tables import score_table
from rlsel.reporting.verdict import verdict
from rlsel.runs.record import Record

RECORD = ROOT / "benchmarks" / "records" / "whole_run_default.json"
SHOWN = ("real only", "keep all", "uniform", "centroid distance", "controller")


@pytest.fixture(scope="module")
def record() -> Record:
    cell = json.loads(RECORD.read_text(encoding="utf-8"))["cells"]["seed 0"]
    of_it = {name: cell[name] for name in ("scores", "num_kept")}
    return Record(name="default", config_hash="", seed=0, finished=True, **of_it)


@pytest.mark.parametrize("page", ["tutorial.md", "how-to/read-a-report.md"])
def test_the_verdict_is_that_of_the_record(page: str, record: Record) -> None:
    text = (DOCS / page).read_text(encoding="utf-8").replace("\n> ", " ")
    assert verdict(record).replace("\N{NO-BREAK SPACE}", " ") in text


def test_every_row_of_the_table_is_that_of_the_record(record: Record) -> None:
    lines = (DOCS / "tutorial.md").read_text(encoding="utf-8").splitlines()
    shown = {" ".join(line.split()) for line in lines}
    for row in score_table(record).rows:
        *scores, _, kept = row.cells  # the gain over uniform is left to the verdict
        line = " ".join([row.label, *scores, kept])
        assert (line in shown) == (row.label in SHOWN), line
