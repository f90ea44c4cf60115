"""The time left, where no terminal draws it."""

from io import StringIO

import pytest
from rich.console import Console

from rlsel.machine import progress
from rlsel.machine.progress import progress_bar


def test_the_time_left_is_told_by_the_steps_of_this_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)

    with progress_bar("generator", 1000, done=900) as bar:
        now = 20.0
        bar.advance(10)  # two seconds each, and 90 are left

    assert capsys.readouterr().out == "generator: 910/1000, 20 s, 180 s left\n"


def test_short_work_draws_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    now, terminal = 0.0, Console(file=StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    monkeypatch.setattr(progress, "console", terminal)
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)

    with progress_bar("features", 100, after_s=5.0) as bar:
        now = 4.0
        bar.advance(10)
        assert "features" not in terminal.file.getvalue()
        now = 6.0
        bar.advance(10)
        assert "features" in terminal.file.getvalue()
        assert "20/100" in terminal.file.getvalue()
