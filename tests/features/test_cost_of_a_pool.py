"""What a pool costs is told beforehand: refused beyond the memory, and a warning beyond what is
measured."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlsel.errors import InputError
from rlsel.features import FeaturesConfig, pool_size
from rlsel.features.pool_size import SECONDS_EACH, SUPPORTED, PoolSize

RECORDS = Path(__file__).parents[2] / "benchmarks" / "records"
GIB = 2**30
SIZE = PoolSize(SUPPORTED.num_candidates, SUPPORTED.num_features, 2, FeaturesConfig().inputs)


def record(name: str) -> dict[str, Any]:
    return json.loads((RECORDS / f"{name}.json").read_text())


def leave(num_bytes: float, monkeypatch: pytest.MonkeyPatch, own: float = 0.0) -> None:
    """Have so much memory left beside what this process holds itself."""
    monkeypatch.setattr(pool_size, "available_bytes", lambda: int(num_bytes))
    monkeypatch.setattr(pool_size, "private_bytes", lambda process: own)


@pytest.mark.parametrize(
    "more",
    [
        {"num_candidates": 2**21},
        {"num_features": 768},
        {"num_classes": 9},
        {"inputs": ("class",) * 9},
    ],
    ids=lambda more: next(iter(more)),
)
def test_more_of_anything_takes_more_memory(more: dict[str, Any]) -> None:
    assert replace(SIZE, **more).num_bytes > SIZE.num_bytes


def test_an_input_of_many_numbers_takes_more_than_one_of_a_single_number() -> None:
    of = {
        name: replace(SIZE, inputs=(name,)).bytes_each
        for name in ("own_distance", "class", "principal_components", "features")
    }
    assert sorted(of, key=lambda name: of[name]) == list(of)


@pytest.mark.parametrize("own", [0.0, 2.0 * GIB])
def test_a_pool_beyond_the_memory_is_refused_with_both_numbers_and_what_would_fit(
    own: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(5 * GIB - own, monkeypatch, own)

    with pytest.raises(InputError) as raised:
        SIZE.require_room()

    said = str(raised.value)
    assert said.startswith("a run on 1,048,576 candidates of 512 numbers would take ")
    assert "and 5.0 GiB are available: give at most " in said
    assert said.endswith(", or take a machine with more memory")
    (number,) = re.findall(r"at most ([\d,]+) candidates", said)
    fitting = int(number.replace(",", ""))
    replace(SIZE, num_candidates=fitting).require_room()
    with pytest.raises(InputError):
        replace(SIZE, num_candidates=fitting + 1001).require_room()


def test_features_among_the_inputs_are_named_as_what_may_be_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave(GIB, monkeypatch)

    with pytest.raises(
        InputError, match=r"give fewer candidates, leave features out of features\."
    ):
        replace(SIZE, inputs=("features",)).require_room()


def test_wide_features_are_named_as_what_may_be_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    leave(GIB, monkeypatch)

    with pytest.raises(InputError, match=r", take features with fewer numbers, or take a machine"):
        replace(SIZE, num_features=4096).require_room()


def test_the_page_has_the_size_that_is_supported() -> None:
    page = (RECORDS.parents[1] / "docs" / "how-to" / "large-pools.md").read_text()

    assert f"{SUPPORTED.num_candidates:,} candidates of {SUPPORTED.num_features} numbers" in page


def test_a_small_pool_is_not_what_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    leave(0, monkeypatch)

    replace(SIZE, num_candidates=4096).require_room()


def test_what_was_measured_is_told_of_by_no_warning() -> None:
    assert SIZE.caution == ""
    assert replace(SIZE, num_candidates=2**19, num_features=1024).caution == ""


@pytest.mark.parametrize(
    "more", [{"num_candidates": 2**21, "num_features": 16}, {"num_features": 513}], ids=str
)
def test_beyond_what_was_measured_a_warning_tells_the_cost(more: dict[str, Any]) -> None:
    said = replace(SIZE, **more).caution

    assert "more than the 1,048,576 of 512 numbers up to which runs were measured" in said
    assert "ms on two cores" in said
    assert " GiB of memory" in said


def test_the_largest_size_is_that_of_the_record() -> None:
    found = record("pool_size")

    assert max(map(int, found["summary"])) == SUPPORTED.num_candidates
    assert found["config"]["width"] == SUPPORTED.num_features


def test_seconds_are_those_of_the_record() -> None:
    of = record("pool_size")["summary"]
    least, most = of["4096"], of["1048576"]

    measured = (most["wall_s"] - least["wall_s"]) / (1048576 - 4096)

    assert pytest.approx(measured, rel=0.15) == SECONDS_EACH


@pytest.mark.parametrize("key", record("pool_memory")["cells"])
def test_memory_is_estimated_near_what_a_run_held(key: str) -> None:
    """Too little would have a run end without a word, too much would refuse what fits."""
    num_candidates, num_features, num_classes, *named = key.split("/")
    inputs = ("class", "own_distance", "features") if named else FeaturesConfig().inputs
    size = PoolSize(int(num_candidates), int(num_features), int(num_classes), inputs)

    held = record("pool_memory")["cells"][key]["held_gib"] * GIB

    assert 0.98 * held < size.num_bytes < 1.1 * held
