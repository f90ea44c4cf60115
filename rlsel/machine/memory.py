"""How much memory this process could still take, and what is said if that is too little."""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from rlsel.errors import InputError
from rlsel.machine.wording import gib

GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows control groups, with which containers and schedulers limit memory."""
LIMITS = {
    GROUPS: ("memory.max", "memory.current"),
    GROUPS / "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Folder of version 2, and of version 1 -> files of limit and usage of each group."""
OF_FILES = tuple(
    re.compile(rf"^{with_inner}(?:in)?active_file (\d+)$", re.MULTILINE)
    for with_inner in ("total_", "")
)
"""Pages of files in `memory.stat`, which are given up when memory gets short. Version 1 counts
those of inner groups as `total_`, version 2 always counts them."""


def available_bytes() -> int:
    """Memory and swap that can be taken: of the machine, or of a control group if less."""
    left = [psutil.virtual_memory().available + psutil.swap_memory().free]
    for root, names in LIMITS.items():
        left += [*_left_in_groups(root, *names)]
    return max(0, min(left))


def require_memory(num_bytes: int, what: str, remedy: str) -> None:
    """Refuse what needs more memory than there is, before it is begun.

    Args:
        what: What needs it, such as `the table of 5,000,000 candidates`.
        remedy: What the user may do.

    Raises:
        InputError: there is less memory; the message has both numbers.
    """
    if num_bytes > (left := available_bytes()):
        raise InputError(
            f"{what} would take {gib(num_bytes)} of memory, and {gib(left)} are available: {remedy}"
        )


def _left_in_groups(root: Path, limit: str, usage: str) -> Iterator[int]:
    """What is left in the group of this process and in those around it, if they have a limit."""
    group = root / _own_group(root.name == "memory").lstrip("/")
    # In a container the path may be that of the host, and its own group is the root.
    while root in (group, *group.parents):
        try:
            most = (group / limit).read_text().strip()
            if most != "max":
                yield int(most) - int((group / usage).read_text()) + _of_files(group)
        except (OSError, ValueError):
            pass
        group = group.parent


def _own_group(is_first_version: bool) -> str:
    """The path of this process's group below the root; empty if there are no groups."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if ("memory" in controllers.split(",")) if is_first_version else number == "0":
            return path
    return ""


def _of_files(group: Path) -> int:
    text = (group / "memory.stat").read_text()
    found = next(filter(None, (pattern.findall(text) for pattern in OF_FILES)), [])
    return sum(map(int, found))
