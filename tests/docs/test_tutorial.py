"""The tutorial as a reader follows it: its files are saved, and its commands typed, in order.

What takes minutes is made small on the way, by `SMALLER` and `SETTINGS`: fewer images and a shorter
learning. The commands are the page's own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from docs_pages import DOCS, ROOT, Block, blocks
from small_experiment import TINY

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
CONFIG = "my.yaml"
START_OF_A_LINE = re.compile(r"^[^\d±.,]*?(?=\s*[±.(]?\d|$)")
"""Up to its first number, since those of the test are others."""


@pytest.mark.slow
def test_every_command_of_the_tutorial_does_what_the_page_shows(tmp_path: Path) -> None:
    said, checked = "", 0
    for block in blocks(PAGE):
        if block.title:
            (tmp_path / block.title).write_text(smaller(block), encoding="utf-8")
        elif block.language == "sh":
            said = typed(block.text, tmp_path)
            make_config_smaller(tmp_path / CONFIG)
        elif block.language == "text":
            shown = [start_of(line) for line in block.text.splitlines()]
            assert [line for line in shown if line not in said] == [], said
            checked += 1
    assert checked >= 6
    assert (tmp_path / "runs" / "first" / "report.html").is_file()


def smaller(block: Block) -> str:
    text = block.text
    for shown, here in SMALLER.items():
        text = text.replace(shown, here)
    return text


def test_the_numbers_that_the_test_makes_smaller_stand_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [shown for shown in SMALLER if page.count(shown) != 1] == []


def typed(commands: str, folder: Path) -> str:
    """What commands print, typed in a folder; each blank and line break as one."""
    scripts = folder / "bin"
    scripts.mkdir(exist_ok=True)
    for name, command in {"rlsel": "-m rlsel", "python": ""}.items():
        path = scripts / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        path.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        ["bash", "-euc", commands],
        **{"cwd": folder, "env": environment, "capture_output": True, "text": True},
        check=False,
    )
    assert done.returncode == 0, f"{commands}{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert done.stderr == "", commands
    return " ".join(done.stdout.split())


def make_config_smaller(path: Path) -> None:
    if path.exists():
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(merge(content, SETTINGS)), encoding="utf-8")


def start_of(line: str) -> str:
    found = START_OF_A_LINE.match(" ".join(line.split()))
    return found[0].rstrip() if found else ""
