"""Find the files below a folder: follow links, leave out hidden files, and report all that is left.

`Path.rglob` silently skips unreadable folders and linked folders. A file is named by text, because
to make a `Path` takes longer than all else that is done for it here.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from rlsel.errors import InputError
from rlsel.machine.wording import counted

SYSTEM_NAMES = {
    *("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found"),
    *("system volume information", "thumbs.db", "desktop.ini"),
}
"""Files and folders that operating systems, NAS devices and archivers leave, in lower case."""


@dataclass
class Found:
    """The contents of a folder, sorted by path."""

    files: list[str] = field(default_factory=list)
    """Files with a wanted suffix."""
    others: int = 0
    """Files with another suffix."""
    hidden: list[Path] = field(default_factory=list)
    """Files with a wanted suffix that their name, or that of their folder, marks as no data."""
    unfollowed: list[Path] = field(default_factory=list)
    """Linked folders that were not followed, because they overlap with a folder that is read."""

    def add(self, other: "Found") -> None:
        self.files += other.files
        self.others += other.others
        self.hidden += other.hidden
        self.unfollowed += other.unfollowed

    def notes(self, kind: str) -> tuple[str, ...]:
        """One line for each sort of thing that is not read; `kind` names the files that are."""
        return tuple(self._notes(kind))

    def _notes(self, kind: str) -> Iterator[str]:
        if self.others:
            yield f"ignored {counted(self.others, 'file')} other than {kind}"
        if self.hidden:
            yield (
                f"left out {counted(len(self.hidden), 'file')} by name (hidden, of a system, "
                f"unfinished, masks or a table of an export), such as {self.hidden[0]}"
            )
        if self.unfollowed:
            yield (
                f"did not follow {counted(len(self.unfollowed), 'linked folder')} to files that "
                f"are read anyway: {', '.join(map(str, self.unfollowed))}"
            )


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name holds no data."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def subfolders(root: Path) -> list[Path]:
    """The folders in `root` that may hold data, sorted."""
    with os.scandir(root) as entries:
        folders = [one.name for one in entries if _is_folder(one)]
    names = [name for name in folders if not is_hidden(name)]
    return [root / name for name in sorted(names)]


def find_files(
    top: Path, suffixes: tuple[str, ...], is_aside: Callable[[str], bool] = is_hidden
) -> Found:
    """Every file below `top` whose suffix, in lower case, is among `suffixes`.

    Args:
        is_aside: whether a file or folder of this name holds no data.

    Raises:
        InputError: a file with such a suffix is a link that leads nowhere.
        PermissionError: a folder may not be read.
    """
    found = Found()
    _Walk(suffixes, is_aside, found, [top.resolve()]).through(str(top))
    return found


@dataclass(frozen=True)
class _Walk:
    """One pass through a folder and all folders linked from it."""

    suffixes: tuple[str, ...]
    is_aside: Callable[[str], bool]
    found: Found
    roots: list[Path]
    """Folders that are read with everything below them. Links into them are not followed."""

    def through(self, folder: str) -> None:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=attrgetter("name"))
        for entry in inside:
            if self.is_aside(entry.name):
                self.found.hidden += wanted_below(Path(entry.path), self.suffixes)
            elif _is_file(entry):
                self._count(entry)
            elif not _is_folder(entry):
                self._require_unwanted(entry)
            elif not entry.is_symlink() or self._is_new(Path(entry.path).resolve()):
                self.through(entry.path)
            else:
                self.found.unfollowed.append(Path(entry.path))

    def _count(self, entry: os.DirEntry) -> None:
        if entry.name.lower().endswith(self.suffixes):
            self.found.files.append(entry.path)
        else:
            self.found.others += 1

    def _require_unwanted(self, entry: os.DirEntry) -> None:
        """Pass over what is neither file nor folder, unless it is called as wanted files are."""
        if entry.name.lower().endswith(self.suffixes):
            raise InputError(f"{entry.path}: leads to no file; mend this link or remove it")
        self.found.others += 1

    def _is_new(self, target: Path) -> bool:
        """Whether a linked folder overlaps with no root; if so, it becomes one of the roots."""
        if any(target.is_relative_to(root) or root.is_relative_to(target) for root in self.roots):
            return False
        self.roots.append(target)
        return True


def _is_file(entry: os.DirEntry) -> bool:
    return entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _holds(entry.is_file))


def _is_folder(entry: os.DirEntry) -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and _holds(entry.is_dir))


def _holds(of_link: Callable[[], bool]) -> bool:
    """What `is_dir` or `is_file` says of a link; False of one to itself."""
    try:
        return of_link()
    except PermissionError:
        raise
    except OSError:
        return False


def wanted_below(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files with these suffixes at or below a hidden path, as far as it may be read."""
    if not path.is_dir():
        return [path] if path.suffix.lower() in suffixes else []
    below = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sorted(file for file in below if file.suffix.lower() in suffixes)
