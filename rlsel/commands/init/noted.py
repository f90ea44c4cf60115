"""YAML with comments: settings with notes, as text that `read_yaml` reads back."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rlsel.errors import InputError
from rlsel.experiment.yaml_files import to_yaml_line

WIDTH = 88
"""Columns of a comment."""
INDENT = "  "
Block = dict[str, "Noted"]


@dataclass(frozen=True)
class Noted:
    """A value, or a block of settings, with the comment above it."""

    value: Any
    """Plain JSON, or a `Block`."""
    note: str = ""
    """One line or several. Each is wrapped, except lines that begin with a blank."""


def commented_yaml(block: Block) -> str:
    """The text of a config.

    Raises:
        InputError: a value is no UTF-8.
    """
    return "\n".join(_lines(block, 0)) + "\n"


def noted(settings: Mapping[str, Any]) -> Block:
    """Settings without notes."""
    return {key: Noted(value) for key, value in settings.items()}


def comment(text: str, depth: int = 0) -> list[str]:
    """A note as comment lines of YAML, with any characters."""
    start = INDENT * depth + "#"
    lines: list[str] = []
    for line in _printable(text).split("\n"):
        is_code = line.startswith(" ")
        width = WIDTH - len(start) - 1
        parts = [line] if is_code else textwrap.wrap(line, width, break_on_hyphens=False) or [""]
        lines += [f"{start} {part}".rstrip() for part in parts]
    return lines


def _lines(block: Block, depth: int) -> Iterator[str]:
    for key, one in block.items():
        if depth == 0:
            yield ""
        if one.note:
            yield from comment(one.note, depth)
        if isinstance(one.value, dict) and one.value:
            yield f"{INDENT * depth}{key}:"
            yield from _lines(one.value, depth + 1)
        else:
            yield INDENT * depth + _line(key, one.value)


def _line(key: str, value: Any) -> str:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{value!r}: this name is not UTF-8, so no config can have it; rename it"
        ) from None
    return to_yaml_line(key, value)


def _printable(text: str) -> str:
    """The text without characters that would end a comment or that YAML refuses."""
    plain = (c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return "".join(plain)
