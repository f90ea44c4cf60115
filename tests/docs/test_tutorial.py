"""The tutorial as a reader follows it: its files are saved, and its commands typed, in order.

What takes minutes is made small on the way, by `SMALLER` and `SETTINGS`: fewer images and a shorter
learning. The commands are the page's own; they run in this process, with the Ray that is up.
"""

import io
import re
import runpy
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import yaml
from docs_pages import DOCS, Block, blocks
from small_experiment import TINY, evaluators_fixture, rlsel  # noqa: F401

from rlsel.experiment.config import merge

PAGE = DOCS / "tutorial.md"
SMALLER = {
    "num_train=320, num_val=800, num_test=1000": "num_train=40, num_val=40, num_test=30",
    "num_candidates=512": "num_candidates=32",
    "range(10)": "range(1)",
}
"""Numbers of the page -> those of the test."""
SETTINGS = {name: block for name, block in TINY.items() if name not in ("data", "pool")}
"""Laid over my.yaml once `rlsel init` has written it."""
CONFIG = Path("my.yaml")
START_OF_A_LINE = re.compile(r"^[^\d]*?(?=[\s(+−.]*\d|$)")
"""Up to its first number, since those of the test are others."""


@pytest.mark.slow
def test_every_command_of_the_tutorial_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluators_up: None
) -> None:
    monkeypatch.chdir(tmp_path)
    said, num_compared = "", 0
    for block in blocks(PAGE):
        if block.title:
            Path(block.title).write_text(smaller(block), encoding="utf-8")
        elif block.language == "sh":
            said = " ".join(typed(line) for line in block.text.splitlines())
            make_config_smaller()
        elif block.language == "text":
            shown = [start_of(line) for line in block.text.splitlines() if line.strip(" ─")]
            assert [start for start in shown if start not in said] == [], said
            num_compared += 1
    assert num_compared >= 6
    assert Path("runs", "first", "report.html").is_file()


def test_the_numbers_that_the_test_makes_smaller_stand_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [shown for shown in SMALLER if page.count(shown) != 1] == []


def smaller(block: Block) -> str:
    text = block.text
    for shown, here in SMALLER.items():
        text = text.replace(shown, here)
    return text


def make_config_smaller() -> None:
    if CONFIG.exists():
        content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        CONFIG.write_text(yaml.safe_dump(merge(content, SETTINGS)), encoding="utf-8")


def typed(line: str) -> str:
    """What a command prints, each blank and line break as one; any other than these two fails."""
    command, *words = shlex.split(line)
    if command == "rlsel":
        outcome = rlsel(*words)
        assert (outcome.code, outcome.err) == (0, ""), f"{line}\n{outcome}"
        return outcome.said
    assert command == "python", line
    out = io.StringIO()
    with redirect_stdout(out):
        runpy.run_path(words[0], run_name="__main__")
    return " ".join(out.getvalue().split())


def start_of(line: str) -> str:
    found = START_OF_A_LINE.match(" ".join(line.split()))
    return found[0].rstrip() if found else ""
