"""The time left, where no terminal draws it."""

import pytest

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
