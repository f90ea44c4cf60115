"""Atomic writing: after any interruption a file is either the old one or the complete new one.

The new content is written to a hidden file in the same folder, synced to disk, and only then
renamed. A full disk or a folder without write permission raises `InputError`, because only the user
can help.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlsel.errors import InputError
from rlsel.machine.file_names import MAX_BYTES, shortened

REMEDIES = {
    errno.ENOSPC: "no space is left: free some, or choose a folder on another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another folder",
    errno.EACCES: "permission is denied: make it writable, or choose another folder",
    errno.EPERM: "permission is denied: make it writable, or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENAMETOOLONG: "that name is too long for this file system: choose a shorter one",
    errno.ENOTDIR: "a part of that path is a file, not a folder: choose another folder",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of writing `path` into messages that say what the user can do.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise InputError(f"{path.parent}: cannot write {path.name}: {remedy}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; at the end it is renamed to `path` in one step.

    If the body raises, `path` stays as it was and the temporary file is removed. A missing folder
    is made. The temporary name has the suffix of `path`, because some writers choose the format by
    it.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    stem = shortened(path.stem, MAX_BYTES - len(f"..12345678{path.suffix}".encode()))
    temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with writing(path):
            make_folder(path.parent)
            _require_room_for_files(temporary)
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
    finally:
        with suppress(OSError):  # after the rename it is gone already
            temporary.unlink(missing_ok=True)


def _require_room_for_files(temporary: Path) -> None:
    """Refuse a folder in which no file can be made, before the body works for it."""
    try:
        temporary.touch()
    except FileNotFoundError as error:  # as in /proc
        raise InputError(
            f"{temporary.parent}: no file can be made there: choose another folder"
        ) from error
    temporary.unlink()


UNFINISHED = ".unfinished"


def require_new(path: Path, option: str) -> None:
    """Refuse to write over a file or folder.

    Args:
        option: The option of the command line that names the path.

    Raises:
        InputError: something is there already, be it a link to nothing.
    """
    if os.path.lexists(path):
        raise InputError(f"{path}: is there already; choose another {option}")


def require_empty(folder: Path) -> None:
    """Refuse a folder that is not empty. The remainder of a killed `filling` does not count.

    Raises:
        InputError: `folder` is a file, or not empty.
    """
    if folder.is_dir():
        free = all(path.name == UNFINISHED for path in folder.iterdir())
    else:
        free = not folder.exists()
    if not free:
        raise InputError(f"{folder}: exists and is not empty; choose a new folder")


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Yield an empty folder within `folder`; at the end its contents are moved up into `folder`.

    If the body raises, its files are removed, and so is `folder` if it did not exist before.

    Raises:
        InputError: `folder` is not empty, or cannot be written to.
    """
    require_empty(folder)
    was_there, work = folder.exists(), folder / UNFINISHED
    moved: list[Path] = []
    try:
        shutil.rmtree(work, ignore_errors=True)
        with writing(work):
            make_folder(work)
            yield work
            for path in sorted(work.iterdir()):
                moved.append(path.rename(folder / path.name))
            work.rmdir()
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        shutil.rmtree(work, ignore_errors=True)
        if not was_there:
            with suppress(OSError):  # it was never made, or others have put files there
                folder.rmdir()
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and its parents if they are missing.

    Raises:
        InputError: the system allows no folder there, or a file is there.
        OSError: any other error; `writing` turns it into a message.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # as in /proc, where no folders can be made
        raise InputError(f"{folder}: cannot be made: choose another folder") from error
    except FileExistsError as error:
        raise InputError(f"{folder}: is a file, not a folder: choose another folder") from error


def write_text(path: Path, text: str) -> None:
    """Replace `path` with this text, as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace `path` with these bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def sync_tree(folder: Path) -> None:
    """Sync a folder and all its contents to disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Sync a file or folder to disk. For a folder this saves renames; some systems refuse it."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        if path.is_dir():  # a folder may be writable but not listable
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(descriptor)
