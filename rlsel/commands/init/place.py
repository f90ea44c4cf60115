"""Paths as a config has them: relative ones begin at its folder."""

import os
from pathlib import Path


def as_config_has_it(text: str, folder: Path) -> str:
    """The path that a config in `folder` gives for one that was typed in the working folder.

    What begins at a root, a home or a variable stays as it is.
    """
    if os.path.isabs(text) or text.startswith(("~", "$")):
        return text
    return os.path.relpath(os.path.abspath(text), os.path.abspath(folder))
