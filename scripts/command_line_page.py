"""Writes docs/reference/command-line.md from what `rlsel --help` says of every command.

    python scripts/command_line_page.py

Typer makes the Markdown; here its title goes, and its examples become blocks of code. A test holds
the page to the commands, so that neither changes without the other.
"""

import html
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "command-line.md"
HEAD = """# Command line

This page is made by `make docs` from the help of the commands. `rlsel COMMAND --help` prints the
same.

A mistake of yours is one line on standard error and exit code 2. An interrupted command prints the
line that goes on with it, and has exit code 130.

"""
TYPES = {"path": "PATH", "str": "TEXT", "list[str]": "TEXT", "int": "N", "int range": "N"}
BRACES = {ord("{"): None, ord("}"): None}
EXAMPLES = re.compile(r"<span[^>]*>(Examples?)</span>\n((?:\n  \S.*\n)+)")


def page() -> str:
    """The page as Markdown."""
    command = [sys.executable, "-m", "typer", "rlsel.cli", "utils", "docs", "--name", "rlsel"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    top, *sections = re.split(r"^(?=## )", _plain(done.stdout), flags=re.MULTILINE)
    options = re.search(r"^\*\*Options\*\*:\n\n(\*.*\n)+", top, re.MULTILINE)
    rows = [_row(section) for section in sections]
    parts = ["\n".join(["| command | what it does |", "| --- | --- |", *rows])]
    parts += [f"Before a command:\n\n{options[0].strip()}"] if options else []
    return HEAD + "\n\n".join([*parts, *map(str.strip, sections)]) + "\n"


def _plain(made: str) -> str:
    """What Typer writes, without its HTML and with the words for types that the help has."""
    made = EXAMPLES.sub(_block, html.unescape(made))
    made = re.sub(r"^## `(.*)`$", r"## \1", made, flags=re.MULTILINE)
    made = re.sub(r"^\* `--help`: .*\n", "", made, flags=re.MULTILINE)
    made = re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", made)
    made = re.sub(r"^(\* `[A-Z][^`]*) <\w+>`", r"\1`", made, flags=re.MULTILINE)
    for found, shown in TYPES.items():
        made = made.replace(f"<{found}>`", f"{shown}`")
    made = re.sub(r"\[default: \((\w+)\)", r"[default: \1", made)
    return re.sub(r"```console\n\$ (.*)", lambda usage: f"```\n{usage[1].translate(BRACES)}", made)


def _row(section: str) -> str:
    """Name, link and first sentence of a command."""
    title, _, text = section.removeprefix("## ").partition("\n")
    sentence = re.split(r"(?<=\.)\s", text.strip())[0]
    return f"| [`{title}`](#{title.replace(' ', '-')}) | {sentence} |"


def _block(found: re.Match[str]) -> str:
    lines = [line.strip() for line in found[2].splitlines() if line.strip()]
    return f"**{found[1]}**:\n\n```\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
