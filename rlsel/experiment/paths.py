"""Where relative paths in a config begin: at the folder that the config lies in.

Which settings are paths is told by their types in the Configs: `Path`, or text that `HoldsPath`
marks.
"""

import glob
import os
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from rlsel.machine.progress import console
from rlsel.schema import configs_in, names_of, path_in, union_in


def at_folder(content: dict[str, Any], folder: Path, origin: str, root: type) -> dict[str, Any]:
    """The same settings with every relative path made absolute, and `folder` filled in.

    Relative paths begin at the folder of the config. If a path exists only below the working
    folder, it is taken from there, and a note is printed.

    Args:
        content: Settings as YAML has them, nested.
        folder: Of the config.
        origin: What the config is called in notes.
        root: The Config that is to be built from the settings.
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

    return {**_with_paths(content, (root,), resolved), "folder": str(base)}


@cache
def _say(note: str) -> None:
    """Print a note once, even if all points of a sweep have it."""
    console.print(note, markup=False)


def relative_paths(content: dict[str, Any], folder: str, root: type) -> dict[str, Any]:
    """The same settings with paths below `folder` as they stood in the config, so that a hash does
    not depend on where a project lies."""

    def relative(key: str, text: str) -> str:
        return os.path.relpath(text, folder) if os.path.isabs(text) else text

    return _with_paths(content, (root,), relative) if folder else content


def _with_paths(
    block: dict[str, Any],
    owners: Iterable[type],
    change: Callable[[str, str], str],
    prefix: str = "",
) -> dict[str, Any]:
    """The same block with `change` done to each path in it.

    Args:
        owners: The Configs that the block may be of; a text is a path where it is one in any.
        change: Takes the dotted key and the path.
    """
    changed = dict(block)
    for key, value in block.items():
        types = [field.type for cls in owners for field in fields(cls) if field.name == key]
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            inner = [cls for one in types for cls in _configs_of(one, value)]
            changed[key] = _with_paths(value, inner, change, f"{name}.")
        elif isinstance(value, str):
            spans = (path_in(value, one) for one in types)
            if span := next((span for span in spans if span), None):
                start, end = span
                changed[key] = value[:start] + change(name, value[start:end]) + value[end:]
    return changed


def _configs_of(annotation: Any, block: dict[str, Any]) -> tuple[type, ...]:
    """The Configs that a block may be of; those of all kinds where it names none."""
    found, union = configs_in(annotation), union_in(annotation)
    name = block.get("name", union and union.default)
    return tuple(cls for cls in found if name in names_of(cls)) or found


def _is_there(path: str) -> bool:
    return os.path.exists(path) or (glob.has_magic(path) and bool(glob.glob(path, recursive=True)))
