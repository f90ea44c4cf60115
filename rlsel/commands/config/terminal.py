"""Settings on a terminal: the blocks of a config, the settings of a block, or one setting."""

import re
import textwrap
from collections.abc import Iterator

from rich.text import Text

from rlsel.commands.config.example import INDENT, example_of
from rlsel.experiment.describe import Setting, find_settings, settings
from rlsel.machine.progress import console

WIDEST = 100
"""Most columns of a line; longer lines are hard to read."""


def print_blocks() -> None:
    """Print a line for each setting at the top of a config and for each block at any depth."""
    for one in settings():
        _print_line(one)
        for inner in one.walk():
            if inner.is_block and inner is not one and not _is_in_a_kind(inner):
                _print_line(inner)
    _print("")
    _print_wrapped(
        "rlsel config KEY says more: rlsel config reward, or rlsel config reward.metric", ""
    )


def print_setting(key: str) -> None:
    """Print all about a key: the settings of a block, or type, default and meaning of a setting.

    Raises:
        InputError: there is no such key.
    """
    for number, one in enumerate(find_settings(key)):
        if number:
            _print("")
        (_print_block if one.is_block else _print_one)(one)


def _is_in_a_kind(setting: Setting) -> bool:
    return len(setting.key.split(".")) > len(setting.written)


def _print_line(setting: Setting) -> None:
    depth = len(setting.written) - 1
    name = f"{INDENT * depth}{setting.written[-1]}"
    named = ", ".join(kind.type.removeprefix("name: ") for kind in setting.kinds)
    clause = re.split(r"[;:]\s", setting.first_sentence)[0].rstrip(".")
    meaning = f"{clause}: {named}" if named else clause
    room = max(_width() - 16, 20)
    shortened = textwrap.shorten(meaning, room, placeholder="...")
    _print(Text.assemble((f"{name:<15} ", "bold"), shortened))


def _print_block(block: Setting) -> None:
    _print_wrapped(f"{block.key} ({_sort_of_block(block)})", "", INDENT, "bold")
    repeats = block.about.startswith(block.meaning)
    for text in (block.about,) if repeats else (block.meaning, block.about):
        _print_wrapped(text, "")
    for one in block.kinds:
        _print("")
        _print(Text.assemble(INDENT, (one.type, "bold")))
        _print_wrapped(one.first_sentence, INDENT * 3)
    for one in block.below:
        _print("")
        value = "" if one.is_block else f" {one.default or ''}"
        _print_wrapped(f"{one.written[-1]}:{value}".rstrip(), INDENT, INDENT * 3, "bold")
        _print_wrapped("; ".join(_facts(one)), INDENT * 3, style="dim")
        _print_wrapped(one.first_sentence, INDENT * 3)
    _print("")
    example = next((one for one in block.below if one.written[-1] != "name"), block)
    _print(f"More of each: rlsel config {(block.kinds or [example])[0].key}")


def _sort_of_block(block: Setting) -> str:
    if block.type.startswith("list"):
        return "a list of blocks; by default it is empty"
    if block.kinds and block.default == "null":
        return f"by default null; else a block whose `name` says its kind, {block.usual_kind}"
    if block.kinds:
        return f"a block of one of several kinds, chosen by `name`; by default {block.default}"
    if block.type.startswith("name: "):
        return block.type
    return "a block, which may be null" if block.type.endswith("null") else "a block"


def _facts(setting: Setting) -> Iterator[str]:
    if setting.is_block:
        yield f"{setting.type}: rlsel config {setting.key}"
        return
    yield setting.type
    if setting.default is None:
        yield setting.default_in_words
    for name, value in setting.presets.items():
        if value != setting.default:
            yield f"preset {name}: {value}"


def _print_one(setting: Setting) -> None:
    _print(Text(setting.key, style="bold"))
    rows = [("type", setting.type), ("default", setting.default_in_words)]
    rows += [(f"preset {name}", value) for name, value in setting.presets.items()]
    for name, value in rows:
        label = f"{INDENT}{name:<16}"
        _print_wrapped(value, label, " " * len(label))
    _print("")
    _print_wrapped(setting.meaning, INDENT)
    if re.search(r"\bNone\b", setting.meaning):
        _print_wrapped("(None is written null.)", INDENT)
    _print("")
    for line in example_of(setting):
        indent = INDENT * 2 + " " * (len(line) - len(line.lstrip()))
        _print_wrapped(line.lstrip(), indent, indent + INDENT)


def _width() -> int:
    return min(console.width, WIDEST)


def _print_wrapped(text: str, first: str, indent: str | None = None, style: str = "") -> None:
    lines = textwrap.wrap(
        text,
        max(_width() - 1, 30),
        initial_indent=first,
        subsequent_indent=first if indent is None else indent,
        break_on_hyphens=False,
    )
    for line in lines:
        _print(Text(line, style=style))


def _print(text: Text | str) -> None:
    console.print(text, markup=False)
