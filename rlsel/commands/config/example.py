"""A setting as it is written in a config, within its blocks and beside what has to be there."""

from collections.abc import Iterator

from rlsel.experiment.describe import Setting, find_settings

INDENT = "  "


def example_of(setting: Setting) -> Iterator[str]:
    """The lines of YAML. A value that follows from nothing is `...`, to be filled in.

    A block of one of several kinds has its `name`, and the other settings that its kind needs.
    """
    for depth, part in enumerate(setting.written, start=1):
        is_last = depth == len(setting.written)
        mark = "- " if depth > 1 and _is_list(setting.written[: depth - 1]) else ""
        yield f"{INDENT * (depth - 1)}{mark}{part}:" + (f" {_value(setting)}" if is_last else "")
        for name, value in _beside(setting, depth):
            if name != setting.written[-1]:
                yield f"{INDENT * depth}{name}: {value}"


def _beside(setting: Setting, depth: int) -> Iterator[tuple[str, str]]:
    """What the block at this depth needs; where splits are given one by one, those for its path."""
    for name, value in setting.beside.get(depth, {}).items():
        in_splits = name == "path" and setting.written[-1] in ("train", "val", "test")
        yield from ((one, value) for one in (("train", "test") if in_splits else (name,)))


def _value(setting: Setting) -> str:
    return "..." if setting.default in (None, "null", "{}") else setting.default


def _is_list(keys: tuple[str, ...]) -> bool:
    return any(one.type.startswith("list") for one in find_settings(".".join(keys)))
