"""Completions of arguments for the shell: keys of settings, YAML files, run folders.

Paths are completed to whole files, also in subfolders, because shells put a blank after a folder
that is offered alone.
"""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

DEEPEST = 3
"""Levels of subfolders searched below the typed folder."""
MOST_LOOKED_AT = 5_000
"""Most files and folders examined, because the shell waits."""
ENDINGS = (".yaml", ".yml")


def complete_key(incomplete: str) -> list[tuple[str, str]]:
    """Keys that begin with the typed text, up to the next dot, each with its first sentence.

    If only one block matches, its settings are offered too, so that the shell puts no blank after
    the name of the block.
    """
    from rlsel.experiment.describe import every_setting

    depth = incomplete.count(".")
    fitting = [one for one in every_setting() if one.key.startswith(incomplete)]
    found = [one for one in fitting if one.key.count(".") == depth]
    if len(found) == 1:
        found += [one for one in fitting if one.key.count(".") == depth + 1]
    return [(one.key, one.first_sentence) for one in found]


def complete_config(incomplete: str) -> list[str]:
    """YAML files whose path begins with the typed text."""
    return _paths(incomplete, lambda entry: entry.name.endswith(ENDINGS) and entry.is_file())


def complete_run(incomplete: str) -> list[str]:
    """Run folders whose path begins with the typed text."""
    return _paths(incomplete, lambda entry: Path(entry.path, "record.json").is_file())


def _paths(incomplete: str, is_wanted: Callable[[os.DirEntry], bool]) -> list[str]:
    typed, start = os.path.split(incomplete)
    looked_at = 0

    def below(folder: str, start: str, depth: int) -> Iterator[str]:
        nonlocal looked_at
        try:
            with os.scandir(os.path.expanduser(folder) or ".") as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:  # missing, or no permission
            return
        for entry in inside:
            looked_at += 1
            hidden = entry.name.startswith(".") and not start.startswith(".")
            if looked_at > MOST_LOOKED_AT or hidden or not entry.name.startswith(start):
                continue
            path = os.path.join(folder, entry.name)
            try:
                found, deeper = is_wanted(entry), depth < DEEPEST and entry.is_dir()
            except OSError:  # no permission to look at it
                continue
            if found:
                yield path
            elif deeper:
                yield from below(path, "", depth + 1)

    return [*map(_as_typed, below(typed, start, 0))]


def _as_typed(path: str) -> str:
    # Typer quotes words for the other shells but not for bash.
    is_bash = os.environ.get("_RLSEL_COMPLETE", "").endswith("bash")
    quoted = shlex.quote(path)
    return path if not is_bash or quoted == path else _escaped(path)


def _escaped(path: str) -> str:
    plain = "._-/~"
    return "".join(c if c.isalnum() or c in plain else f"\\{c}" for c in path)
