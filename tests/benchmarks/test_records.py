"""benchmarks/recording: one format for all records, taken up again wherever it was left."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generator_recipes
import numpy as np
import pytest
import whole_run
from planted_truth import fault_summary, planted_summary
from recording import CellRecord, Cells, read_record, write_record
from recording.files import this_machine
from recording.layout import WIDTH, rounded
from recording.series import path_of_series
from strict_json import read_strictly
from throughput import summary as throughput_summary

RECORDS = Path(__file__).parents[2] / "benchmarks" / "records"
PARTS = ["summary", "n", "hardware", "versions", "config", "cells"]


def count(cells: Cells) -> dict[str, int]:
    return {"cells": len(cells)}


def write(path: Path, cells: Cells) -> None:
    write_record(path, summary=count(cells), n=1, config={"size": 3}, cells=cells)


def test_a_record_has_a_line_for_each_cell_and_reads_as_the_same(tmp_path: Path) -> None:
    cells = {"a | 1": {"auc": 0.12345678, "alarms": [], "of": {"x": 1}}, "b": {"auc": math.nan}}

    write(tmp_path / "r.json", cells)

    text = (tmp_path / "r.json").read_text()
    assert '\n  "a | 1": {"auc": 0.123457, "alarms": [], "of": {"x": 1}},\n' in text
    assert read_strictly(text) == read_record(tmp_path / "r.json")
    assert read_record(tmp_path / "r.json")["cells"] == {
        "a | 1": {"auc": 0.123457, "alarms": [], "of": {"x": 1}},
        "b": {"auc": None},
    }
    assert list(read_record(tmp_path / "r.json")) == PARTS


def test_a_cell_too_long_for_a_line_has_a_line_for_each_entry(tmp_path: Path) -> None:
    long = {f"method {number}": [0.5] * 30 for number in range(20)}

    write(tmp_path / "r.json", {"seed 0": {"scores": long, "kept": 7}})

    lines = (tmp_path / "r.json").read_text().splitlines()
    assert sum(line.strip().startswith('"method ') for line in lines) == 20
    assert max(map(len, lines)) < WIDTH
    assert read_record(tmp_path / "r.json")["cells"]["seed 0"] == {"scores": long, "kept": 7}


def test_series_go_to_a_parquet_file_and_come_back_with_their_cell(tmp_path: Path) -> None:
    series = {
        "a": {"reward": [0.1, 0.7654321, 3.0], "kl": [1e-5, None, 2.0]},
        "b": {"reward": [8192.0]},
    }

    write(tmp_path / "r.json", {key: {"auc": 0.5, "series": of} for key, of in series.items()})

    assert "kl" not in (tmp_path / "r.json").read_text()
    cells = read_record(tmp_path / "r.json")["cells"]
    assert {key: cell["series"] for key, cell in cells.items()} == rounded(series)

    write(tmp_path / "r.json", {"b": {"auc": 0.5}})
    assert not path_of_series(tmp_path / "r.json").exists()


def test_series_that_a_killed_process_left_without_their_cell_are_passed_over(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "r.json", tmp_path / "other.json"
    write(other, {key: {"series": {"reward": [1.0, 2.0]}} for key in ("a", "never written")})
    write(path, {"a": {"auc": 0.5}})
    path_of_series(other).rename(path_of_series(path))

    assert read_record(path)["cells"] == {"a": {"auc": 0.5, "series": {"reward": [1.0, 2.0]}}}


def test_series_of_one_cell_have_one_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a: its series have different lengths: \[1, 2\]"):
        write(tmp_path / "r.json", {"a": {"series": {"reward": [1.0], "kl": [1.0, 2.0]}}})


def test_what_is_no_json_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"summary": {')

    with pytest.raises(SystemExit, match=r"r\.json: is not JSON .*: take it from git again"):
        read_record(tmp_path / "r.json")


def test_cells_of_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    CellRecord(path, {"blur_px": 2}, count).write()

    with pytest.raises(SystemExit, match="blur_px is 2, and now 3: move the record away"):
        CellRecord(path, {"blur_px": 3}, count)


def test_seconds_of_other_code_or_of_another_machine_are_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "r.json"

    def timed(code: str) -> CellRecord:
        return CellRecord(
            path, {"code": code}, count, of_other_settings="start anew", is_timed=True
        )

    timed("a").fill("first", {"one": lambda: {"seconds": 1.0}})
    timed("a").fill("again", {"one": lambda: pytest.fail("measured twice")})
    assert read_record(path)["summary"] == {"cells": 1}
    assert timed("b").cells == {}

    record = read_record(path)
    there = this_machine() | {"hardware": "another"}
    write_record(path, summary={}, n=1, config={"code": "a"}, cells=record["cells"], machine=there)
    assert timed("a").cells == {}


def test_a_record_is_of_the_machine_that_measured_and_not_of_one_that_looked(
    tmp_path: Path,
) -> None:
    path, there = tmp_path / "r.json", this_machine() | {"hardware": "another"}
    cells = {"one": {"auc": 0.5}}
    write_record(path, summary={}, n=1, config={}, cells=cells, machine=there)

    CellRecord(path, {}, count).write()
    assert read_record(path)["hardware"] == "another"

    CellRecord(path, {}, count).fill("more", {"two": lambda: {"auc": 0.5}})
    assert read_record(path)["hardware"] == this_machine()["hardware"]


def test_cells_that_nobody_asks_for_are_dropped_and_those_of_other_kinds_stay(
    tmp_path: Path,
) -> None:
    record = CellRecord(tmp_path / "r.json", {}, count)
    record.cells |= {"a | 1 | old": {"x": 1}, "a | 2 | new": {"x": 2}, "b | 1 | old": {"x": 3}}

    record.fill_in_processes("a", {"a | 2 | new": dict}, processes=1)

    assert record.cells == {"a | 2 | new": {"x": 2}, "b | 1 | old": {"x": 3}}


def test_a_cell_that_fails_is_told_and_the_next_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> dict[str, Any]:
        raise ArithmeticError("no luck")

    record = CellRecord(tmp_path / "r.json", {}, count)
    record.fill("some", {"bad": fail, "good": lambda: {"seconds": 2.0}})

    assert read_record(record.path)["cells"] == {"good": {"seconds": 2.0}}
    assert "bad: ArithmeticError: no luck" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_every_record_is_strict_json_in_the_one_format(path: Path, tmp_path: Path) -> None:
    record = read_record(path)
    read_strictly(path.read_text())
    assert list(record) == PARTS
    assert record["hardware"]
    assert record["versions"]["torch"]

    again = tmp_path / path.name
    machine = {name: record.pop(name) for name in ("hardware", "versions")}
    write_record(again, **record, machine=machine)
    assert again.read_text() == path.read_text()


SUMMARIES: dict[str, Callable[[Cells], dict[str, Any]]] = {
    "fault_truth": fault_summary.summarise,
    "generator_recipes": generator_recipes._summarise,
    "planted_truth_learn": planted_summary.summarise,
    "reward_throughput": throughput_summary.summarise,
    "whole_run_pcam_small": lambda cells: whole_run.summarise(list(cells.values())),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_what_its_cells_make(name: str) -> None:
    record = read_record(RECORDS / f"{name}.json")

    assert_close(SUMMARIES[name](record["cells"]), record["summary"])


def assert_close(made: Any, stored: Any) -> None:
    """The cells have six digits, and so the last ones of a summary may differ."""
    if isinstance(stored, dict):
        assert list(made) == list(stored)
        for key, value in stored.items():
            assert_close(made[key], value)
    elif isinstance(stored, list):
        for one, other in zip(made, stored, strict=True):
            assert_close(one, other)
    elif isinstance(stored, float):
        np.testing.assert_allclose(made, stored, rtol=1e-3, atol=2e-4)
    elif stored is None:
        assert made is None or math.isnan(made)
    else:
        assert made == stored
