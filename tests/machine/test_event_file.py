"""Writing for TensorBoard: what becomes of it where the disk is full."""

import errno
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.record_writer import RecordWriter

from rlsel.errors import InputError
from rlsel.machine.event_file import EventFile


def test_a_full_disk_is_said_at_once_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = EventFile(tmp_path / "tensorboard")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordWriter, "write", full)
    for _ in range(30):  # a queue of ten would be full by then
        with pytest.raises(InputError, match="cannot write tensorboard: no space is left"):
            events.add({"loss": 1.0}, 1)
    with pytest.raises(InputError, match="no space is left"):
        events.add_image("made", np.zeros((3, 5, 3), np.uint8), 1)
    events.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="is a file, not a folder"):
        EventFile(tmp_path / "file" / "tensorboard")
