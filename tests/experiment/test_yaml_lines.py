"""Any value can stand in one line of a config, and any note above it."""

from pathlib import Path
from typing import Any

import pytest

from rlsel.commands.init.noted import Noted, commented_yaml
from rlsel.experiment.yaml_files import read_yaml, to_yaml_line

VALUES = (
    *("a b", "no", "1e3", "1", "~", "- a", "#x", "a #b", "a: b", "'", '"', "{}", "[a]", " a", ""),
    *("new\nline", "x\x85y", "良性", "🔬\n", "\u202e", "\u2028", "*x", "&y", "!z", "%", "\t", "\\"),
    *("x" * 300 + " y" * 100, ["a", "b, c"], [["new\nline", 1]], [], None, True, 0.1, 2e-4, 7),
)


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_a_value_is_read_back_from_its_line(value: Any, tmp_path: Path) -> None:
    line = to_yaml_line("key", value)
    (tmp_path / "c.yaml").write_text(f"{line}\n", encoding="utf-8")

    assert "\n" not in line
    assert read_yaml(tmp_path / "c.yaml") == {"key": value}


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_no_note_ends_its_comment(value: Any, tmp_path: Path) -> None:
    block = {"a": Noted({"b": Noted(1, str(value))}, f" {value}")}
    (tmp_path / "c.yaml").write_text(commented_yaml(block), encoding="utf-8")

    assert read_yaml(tmp_path / "c.yaml") == {"a": {"b": 1}}
