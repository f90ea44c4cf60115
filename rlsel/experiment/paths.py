"""Where relative paths in a config begin: at the folder that the config lies in."""

import glob
import os
from functools import cache
from pathlib import Path
from typing import Any

from rlsel.features.extractors.config import is_word
from rlsel.machine.progress import console

BLOCKS = ("source", "pool", "extractor")
"""Blocks whose texts under `IN_BLOCKS` are paths."""
IN_BLOCKS = ("path", "train", "val", "test")
ANYWHERE = "weights"
"""A path in whatever block it stands, but for words that name weights of a network."""
NETWORKS = ("torchvision", "timm")
"""Names of the blocks that know such words."""
FOLDER = "local-dir:"
"""What a path follows in `model` of such a block."""


def at_folder(content: dict[str, Any], folder: Path, origin: str) -> dict[str, Any]:
    """The same settings with every relative path made absolute, and `folder` filled in.

    A path begins at the config's folder, as people expect. One that is not there but in the working
    folder is taken from there, and that is said.

    Args:
        content: Settings as YAML has them, nested.
        folder: Of the config.
        origin: What the config is called in notes.
    """
    base = Path(os.path.abspath(folder))

    def resolved(key: str, text: str) -> str:
        written = os.path.expanduser(os.path.expandvars(text))
        if not written or os.path.isabs(written) or written.startswith(("~", "$")):
            return text  # the last two name a variable or a user that there is not
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
    """Once, as all points of a sweep have it."""
    console.print(note, markup=False)


def relative_paths(content: dict[str, Any], folder: str) -> dict[str, Any]:
    """The same settings with paths below `folder` as they stood in the config, so that a hash does
    not depend on where a project lies."""

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
