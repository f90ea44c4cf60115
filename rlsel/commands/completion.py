"""What the shell may complete an argument to: keys of settings, YAML files, run folders.

Files are given whole, also those in folders below, since shells put a blank behind a folder's name
that is given by itself.
"""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

DEEPEST = 3
"""Folders below what is typed already."""
MOST_LOOKED_AT = 5_000
"""Files and folders, as the shell waits."""
ENDINGS = (".yaml", ".yml")


def complete_key(incomplete: str) -> list[tuple[str, str]]:
    """Keys that go on so as far as the next dot, each with its first sentence; of a block that is
    the only one, what is in it as well, so that no blank is put behind its name."""
    from rlsel.experiment.describe import every_setting

    depth = incomplete.count(".")
    fitting = [one for one in every_setting() if one.key.startswith(incomplete)]
    found = [one for one in fitting if one.key.count(".") == depth]
    if len(found) == 1:
        found += [one for one in fitting if one.key.count(".") == depth + 1]
    return [(one.key, one.first_sentence) for one in found]


def complete_config(incomplete: str) -> list[str]:
    """YAML files whose path goes on so."""
    return _paths(incomplete, lambda entry: entry.name.endswith(ENDINGS) and entry.is_file())


def complete_run(incomplete: str) -> list[str]:
    """Run folders whose path goes on so."""
    return _paths(incomplete, lambda entry: Path(entry.path, "record.json").is_file())


def _paths(incomplete: str, is_wanted: Callable[[os.DirEntry], bool]) -> list[str]:
    typed, start = os.path.split(incomplete)
    looked_at = 0

    def below(folder: str, start: str, depth: int) -> Iterator[str]:
        nonlocal looked_at
        try:
            with os.scandir(os.path.expanduser(folder) or ".") as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:  # not there, or closed to us
            return
        for entry in inside:
            looked_at += 1
            hidden = entry.name.startswith(".") and not start.startswith(".")
            if looked_at > MOST_LOOKED_AT or hidden or not entry.name.startswith(start):
                continue
            path = os.path.join(folder, entry.name)
            if is_wanted(entry):
                yield path
            elif depth < DEEPEST and entry.is_dir():
                yield from below(path, "", depth + 1)

    return [*map(_as_typed, below(typed, start, 0))]


def _as_typed(path: str) -> str:
    # Typer hands bash the words as they are, and quotes them for the other shells.
    is_bash = os.environ.get("_RLSEL_COMPLETE", "").endswith("bash")
    quoted = shlex.quote(path)
    return path if not is_bash or quoted == path else _escaped(path)


def _escaped(path: str) -> str:
    plain = "._-/~"
    return "".join(c if c.isalnum() or c in plain else f"\\{c}" for c in path)
