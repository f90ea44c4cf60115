"""The tables of docs/architecture.md name files that exist, and names that are in them."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from docs_pages import DOCS, ROOT

PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
NAME = r"`[^`]+`"
CLAIM = re.compile(rf"({NAME}(?:(?:, | and |, and ){NAME})*) in `([^`]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)")
IDENTIFIER = re.compile(r"@?[A-Za-z_][\w.]*")
FILE = re.compile(r"[\w./-]+(?:/|\.(?:py|md|toml|html|json|jsonl|yaml|npz|parquet|sqlite))")
OF_A_RUN = {
    name
    for row in PAGE.partition("## What a run leaves behind")[2].splitlines()
    if row.startswith("| `")
    for name in re.findall(r"`([^`]+)`", row.split("|")[1])
}


@cache
def files() -> tuple[Path, ...]:
    return tuple(path for top in ("rlsel", "envs") for path in (ROOT / top).rglob("*.py"))


def at(name: str) -> Path | None:
    """The file or folder that a name stands for: from the top, below rlsel/, or by its end."""
    tops = (ROOT, ROOT / "rlsel")
    ends = (path for path in files() if str(path).endswith(f"/{name}"))
    folders = (path.parent for path in files() if f"{path.parent}/".endswith(f"/{name}"))
    exact = (top / name for top in tops if (top / name).exists())
    return next(chain(exact, ends, folders), None)


def text_of(path: Path) -> str:
    parts = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


def is_said_in(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def claims() -> Iterator[tuple[str, str]]:
    """(name, file that it is said to be in)"""
    for row in ROWS:
        for names, path in CLAIM.findall(row):
            found = re.findall(r"`([^`]+)`", names)
            yield from ((name, path) for name in found if not FILE.fullmatch(name))


def in_backticks() -> set[str]:
    return {name for row in ROWS for name in re.findall(r"`([^`]+)`", row)}


def test_every_file_of_the_tables_exists() -> None:
    named = {name for name in in_backticks() if FILE.fullmatch(name)} - OF_A_RUN
    assert len(named) > 60
    assert sorted(name for name in named if at(name) is None) == []


def test_every_name_of_the_tables_is_in_the_file_that_it_is_said_to_be_in() -> None:
    known = [(name, path) for name, path in claims() if IDENTIFIER.fullmatch(name)]
    assert len(known) > 50
    missing = [
        (name, path)
        for name, path in known
        if (file := at(path)) is None or not is_said_in(name, text_of(file))
    ]
    assert missing == []


def test_every_other_name_of_the_tables_is_somewhere_in_the_code() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in files())
    names = {n for n in in_backticks() if IDENTIFIER.fullmatch(n) and not FILE.fullmatch(n)}
    elsewhere = {name for name, _ in claims()} | OF_A_RUN
    unknown = [n for n in names - elsewhere if not is_said_in(n.rpartition(".")[2], text)]
    assert sorted(unknown) == []


@pytest.mark.parametrize("page", [DOCS / "architecture.md", ROOT / "CONTRIBUTING.md"])
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = [one for one in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in one]
    assert targets
    assert [one for one in targets if not (page.parent / one).exists()] == []
