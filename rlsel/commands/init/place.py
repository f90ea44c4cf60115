"""Paths for a config, in which relative paths begin at the folder of the config."""

import os
from pathlib import Path


def as_config_has_it(text: str, folder: Path) -> str:
    """The path for a config in `folder` of a path that was typed in the working folder.

    Paths that begin with a root, `~` or a variable stay unchanged.
    """
    if os.path.isabs(text) or text.startswith(("~", "$")):
        return text
    return os.path.relpath(os.path.abspath(text), os.path.abspath(folder))
