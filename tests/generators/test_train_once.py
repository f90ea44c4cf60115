"""A generator that was trained once is shared, and what is shared is whole."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from small_gan import small_config, small_train

from rlsel.generators.histogan.training import Training
from rlsel.generators.seam import Trained
from rlsel.generators.train_once import train_or_fetch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))


def train(folder: Path) -> Trained:
    return train_or_fetch(small_config(), small_train(), 0, folder)


def test_on_another_file_system_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(*paths: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another)
    once = train(tmp_path / "once")
    monkeypatch.setattr(Training, "run_step", None)

    again = train(tmp_path / "again")

    assert again.checkpoint.model_hash == once.checkpoint.model_hash
    assert again.rows == once.rows


def test_a_disk_that_fills_up_leaves_no_half_of_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:99])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        patch.setattr(shutil, "copyfile", full)
        once = train(tmp_path / "once")

    assert train(tmp_path / "again").checkpoint.model_hash == once.checkpoint.model_hash
