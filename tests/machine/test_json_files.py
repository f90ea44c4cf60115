"""What is written as JSON can be read by all that reads JSON."""

import math
from pathlib import Path

import pytest
from strict_json import read_strictly

from rlsel.algorithms.history import ITERATIONS, History, write_rows
from rlsel.machine.json_files import from_json, to_json


@pytest.mark.parametrize("unknown", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_null_at_any_depth(unknown: float) -> None:
    value = {"a": unknown, "b": [1.5, (unknown, {"c": unknown})], "d": None, "e": "NaN"}

    assert read_strictly(to_json(value)) == {
        "a": None,
        "b": [1.5, [None, {"c": None}]],
        "d": None,
        "e": "NaN",
    }


@pytest.mark.parametrize("text", ['{"a": [null, 2]}', '{"a": [NaN, 2]}'])
def test_null_comes_back_as_nan_and_so_does_what_earlier_versions_wrote(text: str) -> None:
    unknown, known = from_json(text)["a"]

    assert math.isnan(unknown)
    assert known == 2


def test_iterations_without_a_spread_are_lines_that_anything_reads(tmp_path: Path) -> None:
    write_rows(tmp_path, History(rows=[{"iteration": 1, "reward_std": math.nan}]))

    lines = (tmp_path / ITERATIONS).read_text().splitlines()

    assert [read_strictly(line) for line in lines] == [{"iteration": 1, "reward_std": None}]
