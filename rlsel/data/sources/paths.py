"""Paths as users write them: `~`, `$VARIABLES` and globs, with errors that name the wrong part."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from rlsel.data.sources.walk import Found, find_files, is_hidden
from rlsel.errors import InputError

SELECTED, SELECTION = "selected.parquet", "selection.parquet"
"""Files that `rlsel export` writes: the selected embeddings, and the table of all candidates."""
UNEXPANDED = re.compile(r"\$(\w+|\{[^}]*\})")


def expand(text: str) -> Path:
    """The path with `~` and environment variables filled in.

    Raises:
        InputError: a variable in it is not set.
    """
    if (path := os.path.expanduser(os.path.expandvars(text))) and not UNEXPANDED.search(path):
        return Path(path)
    unset = UNEXPANDED.search(text)
    name = unset.group(1).strip("{}") if unset else ""
    raise InputError(
        f"{text!r}: the environment variable {name} is not set; set it or write the path out"
        if name
        else "an empty path is given where a file or folder is needed"
    )


def existing(text: str) -> Path:
    """The path that `text` names, which must exist.

    Raises:
        InputError: nothing is there; the message names the part of the path that is missing.
    """
    path = expand(text)
    if path.exists():
        return path
    there = next((parent for parent in path.parents if parent.exists()), path.parent)
    missing = path.relative_to(there).parts[0] if path != there else path.name
    raise InputError(f"{path}: no such file or folder ({there} has no {missing!r})")


def existing_folder(text: str) -> Path:
    """The folder that `text` names.

    Raises:
        InputError: the folder is missing, or it is a file.
    """
    path = existing(text)
    if not path.is_dir():
        raise InputError(f"{path}: is a file, but a folder is needed here")
    return path


def matching_files(text: str, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The files that `text` names: one file, a glob, or all files in a folder with these suffixes.

    Raises:
        InputError: there are none.
    """
    return tuple(map(Path, match(text, suffixes).files))


def match(text: str, suffixes: tuple[str, ...]) -> Found:
    """Like `matching_files`, but also returns what else lies in the folders.

    Raises:
        InputError: there are none.
    """
    path = expand(text)
    if glob.has_magic(str(path)) and not path.exists():
        matched = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    else:
        matched = [existing(text)]
    found = Found()
    for one in matched:
        found.add(find_files(one, suffixes, _is_aside) if one.is_dir() else Found([str(one)]))
    found.files = list(dict.fromkeys(found.files))  # "**" gives a folder and its files
    lists = [file for file in found.files if _is_list_of_export(file, found.files)]
    found.hidden += map(Path, lists)
    found.files = [file for file in found.files if file not in lists]
    if not found.files:
        raise InputError(f"{path}: no {' or '.join(suffixes)} file is there")
    return found


def _is_list_of_export(file: str, files: list[str]) -> bool:
    """Whether a file is the table that `rlsel export` writes beside the embeddings it exports."""
    folder, name = os.path.split(file)
    return name == SELECTION and os.path.join(folder, SELECTED) in files


def _is_aside(name: str) -> bool:
    """Whether a name marks no data. Spark and Arrow begin logs and unfinished files with "_"."""
    return name.startswith("_") or is_hidden(name)


def shown(name: str | Path) -> str:
    """A name that every terminal and file accepts: bytes that are not UTF-8 become \\xe9."""
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: ascii(found[0])[1:-1], text)


def relative_names(files: Sequence[str | Path]) -> list[str]:
    """Paths relative to the common folder: unique, and unchanged when the data set is moved."""
    paths = [os.path.abspath(file) for file in files]
    shared = os.path.commonpath({path.rpartition("/")[0] or "/" for path in paths})
    start = len(os.path.join(shared, ""))
    return [shown(path[start:]) for path in paths]


def require_path_or_splits(
    path: str | None, train: str | None, val: str | None, test: str | None
) -> None:
    """Refuse a source that gives both a path and splits, neither, or only some needed splits."""
    if (path is None) == (train is None and val is None and test is None):
        raise ValueError("give either path (one set, split by ratio) or train and test (and val)")
    if path is None and (train is None or (test is None and val is None)):
        raise ValueError("train and test belong together; one of val and test may be left out")


def given_splits(train: str | None, val: str | None, test: str | None) -> dict[str, str]:
    """The splits that the user gave, as {split: path}."""
    named = {"train": train, "val": val, "test": test}
    return {split: path for split, path in named.items() if path is not None}
