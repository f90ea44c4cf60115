"""A record as text: JSON in which each figure and each cell is a line, so that diffs are readable.

What is longer than `WIDTH` characters has a line for each of its entries instead.
"""

from collections.abc import Mapping
from typing import Any

from rlsel.machine.json_files import to_json

WIDTH = 1200
OPEN = ("summary", "cells")
"""Parts of a record that always have a line for each entry."""
DIGITS = 6
"""Significant digits of what was measured: more than any two measurements agree in."""


def to_text(record: Mapping[str, Any]) -> str:
    """The record as strict JSON: null stands for what is no finite number."""
    parts = [
        f" {to_json(key)}: {_text(value, 1, WIDTH if key not in OPEN else 0)}"
        for key, value in record.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _text(value: Any, depth: int, width: int = WIDTH) -> str:
    """On one line if it fits into `width`, else broken into its entries."""
    line = to_json(value)
    if len(line) <= width or not isinstance(value, Mapping | list | tuple) or not value:
        return line
    if isinstance(value, Mapping):
        entries = [f"{to_json(key)}: {_text(one, depth + 1)}" for key, one in value.items()]
    else:
        entries = [_text(one, depth + 1) for one in value]
    indent = " " * (depth + 1)
    lines = ",\n".join(indent + entry for entry in entries)
    return f"{line[0]}\n{lines}\n{' ' * depth}{line[-1]}"


def rounded(value: Any) -> Any:
    """With `DIGITS` significant digits of every fraction, at any depth."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list | tuple) else value
