"""JSON that every reader accepts: an unknown figure is written as null and read as NaN.

Only Python writes and reads a bare NaN; JavaScript, jq, DuckDB and others refuse the whole file.
Files of earlier versions, which contain a bare NaN, can still be read.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsel.machine.atomic_files import write_text


def to_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON, with null for every number that is not finite."""
    return json.dumps(_without_nan(value), indent=indent, allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """The content of JSON in which null stands for an unknown figure.

    Raises:
        ValueError: the text is no JSON.
    """
    return _with_nan(json.loads(text))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Replace `path` with `value` as JSON.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    write_text(path, to_json(value, indent) + "\n")


def write_json_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace `path` with a line for each row.

    Raises:
        InputError: the folder is full or cannot be written to.
    """
    write_text(path, "".join(to_json(row) + "\n" for row in rows))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return [_without_nan(inner) for inner in value] if isinstance(value, list | tuple) else value


def _with_nan(value: Any) -> Any:
    if value is None:
        return math.nan
    if isinstance(value, dict):
        return {key: _with_nan(inner) for key, inner in value.items()}
    return [_with_nan(inner) for inner in value] if isinstance(value, list) else value
