import errno
import os
from pathlib import Path

import pytest

from rlsel.errors import InputError
from rlsel.machine.atomic_files import replacing, require_new, write_bytes, write_text


def test_text_is_written_and_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_text(path, "für")
    assert path.read_bytes() == "für".encode()
    assert os.listdir(path.parent) == ["b.txt"]


def test_old_file_stays_when_the_writer_fails(tmp_path):
    path = tmp_path / "record.json"
    write_text(path, "old")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_temporary_file_ends_like_the_real_one(tmp_path):
    with replacing(tmp_path / "sheets.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some"),
        (errno.EACCES, "make it writable"),
        (errno.EROFS, "choose another folder"),
    ],
)
def test_full_or_locked_folder_is_an_input_error_that_says_what_to_do(
    tmp_path, monkeypatch, number, remedy
):
    path = tmp_path / "record.json"
    write_text(path, "old")

    def refuse(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match=remedy) as caught:
        write_bytes(path, b"new")
    assert str(tmp_path) in str(caught.value)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_file_where_the_folder_should_be_is_an_input_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="choose another folder"):
        write_text(tmp_path / "runs" / "one" / "record.json", "{}")


def test_other_failures_are_not_blamed_on_the_user(tmp_path, monkeypatch):
    def refuse(_descriptor):
        raise OSError(errno.EIO, "the disk is dying")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="dying"):
        write_text(tmp_path / "record.json", "{}")


def test_a_folder_that_the_system_will_not_make_is_named() -> None:
    with pytest.raises(InputError, match=r"^/proc/rlsel: cannot be made: choose another folder"):
        write_text(Path("/proc/rlsel/record.json"), "")


def test_a_place_where_no_file_can_be_made_is_refused_before_the_work_for_it() -> None:
    begun = []

    with (
        pytest.raises(InputError, match=r"^/proc: no file can be made there: choose another"),
        replacing(Path("/proc/rlsel.csv")),
    ):
        begun.append(True)

    assert not begun


def test_a_file_in_the_place_of_the_folder_itself_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")

    with pytest.raises(InputError, match="runs: is a file, not a folder: choose another folder"):
        write_text(tmp_path / "runs" / "record.json", "{}")

    assert (tmp_path / "runs").read_text() == "mine"


def test_the_body_finds_no_file_under_the_temporary_name(tmp_path: Path) -> None:
    with replacing(tmp_path / "linked") as temporary:
        assert not temporary.exists(), "else no link could be made there"
        temporary.touch()


@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_what_is_there_is_not_written_over(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    {
        "file": path.touch,
        "folder": path.mkdir,
        "link to nothing": lambda: path.symlink_to("nowhere"),
    }[kind]()

    with pytest.raises(InputError, match=r"ids.csv: is there already; choose another --ids"):
        require_new(path, "--ids")

    require_new(tmp_path / "other.csv", "--ids")


def test_a_file_may_have_the_longest_name_there_is(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 251}.txt"

    write_text(path, "all of it")

    assert path.read_text() == "all of it"


def test_a_name_that_is_too_long_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is too long for this file system: choose a shorter one"):
        write_text(tmp_path / f"{'x' * 252}.txt", "")
