"""The cache stays within its bounds: of what is too much, the least recently used goes first."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from small_cache import read

from rlsel.data.sources import FolderSource
from rlsel.errors import InputError
from rlsel.machine.cache.trim import ABANDONED_AFTER_S


@pytest.fixture
def folder(image_cache: Path) -> Path:
    return image_cache / "images"


def fill(source: FolderSource, folder: Path, sizes: tuple[int, ...]) -> dict[int, Path]:
    """Size in pixels -> its entry; of each it looks as if it was used an hour after the last."""
    found: dict[int, Path] = {}
    for size in sizes:
        read(source, (size, size))
        (found[size],) = set(folder.iterdir()) - set(found.values())
    for hour, entry in enumerate(found.values()):
        os.utime(entry, (1e9 + 3600 * hour,) * 2)
    return found


def take_up(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())


def limit_to(monkeypatch: pytest.MonkeyPatch, num_bytes: float) -> None:
    monkeypatch.setenv("RLSEL_CACHE_GIB", repr(num_bytes / 2**30))


def test_the_least_recently_used_entries_go_first(
    source: FolderSource,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = fill(source, folder, (7, 11, 13, 17))
    read(source, (7, 7))  # used last, though built first
    limit_to(monkeypatch, sum(map(take_up, entry.values())))
    capsys.readouterr()

    read(source, (12, 12))  # larger than 11, so there is no room for 13, nor for what is older

    left = set(folder.iterdir())
    assert left >= {entry[7], entry[17]}
    assert not left & {entry[11], entry[13]}
    assert len(left) == 3
    said = capsys.readouterr().out
    assert "dropped the 2 least recently used entries to stay below" in said
    assert said.count("\n") == 1


def test_within_the_limit_everything_stays(
    source: FolderSource, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = fill(source, folder, (7, 11, 13, 17))

    read(source, (12, 12))

    assert len(list(folder.iterdir())) == len(entry) + 1
    assert capsys.readouterr().out == ""


def test_a_limit_of_nothing_keeps_the_newest_entry(
    source: FolderSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, folder, (7, 11))
    limit_to(monkeypatch, 0)

    images = read(source, (13, 13))

    assert len(list(folder.iterdir())) == 1
    assert np.array_equal(images, read(source, (13, 13)))


def test_images_in_use_outlive_their_entry(
    source: FolderSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(source, (7, 7))
    in_use, expected = read(source, (7, 7)), read(source, (7, 7)).copy()
    limit_to(monkeypatch, 0)
    read(source, (11, 11))
    assert len(list(folder.iterdir())) == 1

    assert np.array_equal(in_use, expected)
    assert np.array_equal(read(source, (7, 7)), expected)


def test_a_limit_below_what_is_in_use_is_told_once_with_one_that_would_do(
    source: FolderSource,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limit_to(monkeypatch, 0)

    for size in (7, 11, 13):  # as the parts of one data set, of which the last alone stays
        read(source, (size, size))

    said = capsys.readouterr().out
    assert said == (
        f"{folder}: what was used since this command began exceeds RLSEL_CACHE_GIB (0), so some of "
        "it is made again later; set it to 0.01 or more\n"
    )


@pytest.mark.parametrize(("age_s", "stays"), [(60.0, True), (ABANDONED_AFTER_S + 60, False)])
def test_what_a_killed_process_left_goes_after_a_day(
    source: FolderSource, folder: Path, age_s: float, stays: bool
) -> None:
    left = folder / ".abc.0123"
    left.mkdir(parents=True)
    (left / "images.npy").write_bytes(b"half")
    os.utime(left, (time.time() - age_s,) * 2)

    read(source, (7, 7))

    assert left.exists() == stays
    assert len(list(folder.iterdir())) == 1 + stays


@pytest.mark.parametrize("value", ["20GB", "-1", "nan"])
def test_a_limit_that_is_no_number_is_an_input_error(
    source: FolderSource, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RLSEL_CACHE_GIB", value)

    with pytest.raises(InputError, match=f"RLSEL_CACHE_GIB is '{value}'; it takes a number"):
        read(source, (7, 7))
