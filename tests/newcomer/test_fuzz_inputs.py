"""Whatever the input: `rlsel check` counts it right, or says in one line what is wrong with it.

`make test` tries some hundred inputs, always the same; `make test-long` 3,000, each time others.
"""

import re
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from made_configs import COUNTS, config_texts
from made_inputs import Made, folders, pixels
from made_tables import npz_files, parquet_files

from rlsel.commands.check import check_inputs
from rlsel.data.sources.paths import shown
from rlsel.errors import CONTROLS, find_input_error
from rlsel.experiment.config import load_experiment
from rlsel.pool import InputReport

FILES: dict[str, Callable[[Path], st.SearchStrategy[Made]]] = {
    "folders": folders,
    "NPZ": npz_files,
    "Parquet": parquet_files,
}
SETTINGS = {"size_px": 16, "ratios": {"train": 0.5, "val": 0.3, "test": 0.2}}
GENERATOR = {"name": "histogan", "num_per_class": 8}
"""In the place of a pool; images of 16 px do for it."""


def check(config: Path) -> InputReport | str:
    """What it found, all of which it has printed; or its one line of refusal.

    Any other exception is a bug, and ends the test.
    """
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            report = check_inputs(load_experiment(config))
    except Exception as error:
        if (mistake := find_input_error(error)) is None:
            raise
        assert str(mistake).strip()
        assert not CONTROLS.search(str(mistake)), mistake
        return str(mistake)
    numbers = set(re.findall(r"[\d,]+", printed.getvalue()))
    for row in report.rows:
        assert {f"{row.total:,}", *(f"{count:,}" for count in row.counts.values())} <= numbers
    assert "ready to run" in printed.getvalue()
    return report


def require_true(report: InputReport, made: Made) -> None:
    """Each split has its images of each class; where splits were cut, they add up to what was."""
    found = {row.part: row.counts for row in report.rows}
    given_ = {
        split: {shown(name): num for name, num in counts.items()}
        for split, counts in made.counts.items()
    }
    found["val"] = _sum(found.pop("reward_val"), found.pop("selection_val"))
    if "val" not in given_ and "train" in given_:
        found["train"] = _sum(found["train"], found.pop("val"))
    if "whole" in given_:
        found = {"whole": _sum(*found.values())}
    assert found == given_


def _sum(*counts: dict[str, int]) -> dict[str, int]:
    return {name: sum(of[name] for of in counts) for name in counts[0]}


def require_answer(data: st.DataObject, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = data.draw(FILES[kind](root))
        text = yaml.safe_dump(
            {"data": SETTINGS | {"source": made.source} | made.data, "generator": GENERATOR}
        )
        (root / "my.yaml").write_text(text, encoding="utf-8")
        answer = check(root / "my.yaml")
    event("refused" if isinstance(answer, str) else f"taken, {made.answer}")
    if isinstance(answer, str):
        assert made.answer != "counted", answer
        return
    assert made.answer != "refused"
    if made.answer == "counted":
        require_true(answer, made)


def require_answer_to_config(text: bytes, folder: Path) -> None:
    config = folder / "my.yaml"
    config.write_bytes(text)
    answer = check(config)
    event("refused" if isinstance(answer, str) else "taken")
    if not isinstance(answer, str):
        assert sum(row.total for row in answer.rows) <= sum(COUNTS.values())


@pytest.fixture(scope="module")
def with_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    labels = np.repeat(range(2), [*COUNTS.values()])
    np.savez(folder / "d.npz", images=pixels(len(labels), 0), labels=labels)
    return folder


def examples(num: int, *, always_the_same: bool) -> Any:
    return settings(
        max_examples=num,
        deadline=None,
        database=None,
        derandomize=always_the_same,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@examples(60, always_the_same=True)
def test_any_input_is_counted_right_or_refused_in_one_line(kind: str, data: st.DataObject) -> None:
    require_answer(data, kind)


@given(text=config_texts())
@examples(150, always_the_same=True)
def test_any_config_is_taken_or_refused_in_one_line(text: bytes, with_images: Path) -> None:
    require_answer_to_config(text, with_images)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@examples(500, always_the_same=False)
def test_any_of_many_inputs_is_counted_right_or_refused_in_one_line(
    kind: str, data: st.DataObject
) -> None:
    require_answer(data, kind)


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(text=config_texts())
@examples(1500, always_the_same=False)
def test_any_of_many_configs_is_taken_or_refused_in_one_line(
    text: bytes, with_images: Path
) -> None:
    require_answer_to_config(text, with_images)
