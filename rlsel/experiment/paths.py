"""Relative paths in a config: they begin at the folder of the config file."""

import glob
import os
from functools import cache
from pathlib import Path
from typing import Any

from rlsel.features.extractors.config import is_word
from rlsel.machine.progress import console

BLOCKS = ("source", "pool", "extractor")
"""Blocks in which the keys of `IN_BLOCKS` hold paths."""
IN_BLOCKS = ("path", "train", "val", "test")
ANYWHERE = "weights"
"""A key that holds a path in every block, except for words that name weights of a network."""
NETWORKS = ("torchvision", "timm")
"""Names of the blocks in which such words are allowed."""
FOLDER = "local-dir:"
"""Prefix of a path in the key `model` of such a block."""


def at_folder(content: dict[str, Any], folder: Path, origin: str) -> dict[str, Any]:
    """The same settings with every relative path made absolute, and `folder` filled in.

    Relative paths begin at the folder of the config. If a path exists only below the working
    folder, it is taken from there, and a note is printed.

    Args:
        content: Nested settings, as read from YAML.
        folder: The folder of the config.
        origin: The name of the config in notes.
    """
    base = Path(os.path.abspath(folder))

    def resolved(key: str, text: str) -> str:
        written = os.path.expanduser(os.path.expandvars(text))
        if not written or os.path.isabs(written) or written.startswith(("~", "$")):
            return text  # "~" or "$" left over: no such user or variable
        beside, here = (os.path.normpath(start / written) for start in (base, Path.cwd()))
        if _is_there(beside) or not _is_there(here):
            return beside
        _say(
            f"note: {origin}: {key} {text!r} is not beside the config, so it is taken from the "
            f"working folder: {here}"
        )
        return here

    return {**_with_paths(content, resolved, ""), "folder": str(base)}


@cache
def _say(note: str) -> None:
    """Print a note once, even if all points of a sweep have it."""
    console.print(note, markup=False)


def relative_paths(content: dict[str, Any], folder: str) -> dict[str, Any]:
    """The same settings with paths relative to `folder`, so that a hash does not depend on the
    place of a project."""

    def relative(key: str, text: str) -> str:
        return os.path.relpath(text, folder) if os.path.isabs(text) else text

    return _with_paths(content, relative, "") if folder else content


def _with_paths(content: dict[str, Any], change: Any, prefix: str) -> dict[str, Any]:
    in_block = prefix.rstrip(".").rpartition(".")[2] in BLOCKS
    is_network = in_block and content.get("name") in NETWORKS
    changed = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            changed[key] = _with_paths(value, change, f"{name}.")
        elif not isinstance(value, str) or (is_network and key == ANYWHERE and is_word(value)):
            changed[key] = value
        elif is_network and key == "model" and value.startswith(FOLDER):
            changed[key] = FOLDER + change(name, value.removeprefix(FOLDER))
        elif key == ANYWHERE or (in_block and key in IN_BLOCKS):
            changed[key] = change(name, value)
        else:
            changed[key] = value
    return changed


def _is_there(path: str) -> bool:
    return os.path.exists(path) or (glob.has_magic(path) and bool(glob.glob(path, recursive=True)))
