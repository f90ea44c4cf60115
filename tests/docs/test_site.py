"""The site is built from the pages, without a network, and loads nothing from one."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs_pages import DOCS, ROOT

CONFIG = "zensical.toml"
LOADED = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"?(https?://[^\s\">]+)"
)
LOADED_BY_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?(https?://[^\s\"')]+)")
LOADED_BY_THE_THEME = ('class="mermaid"', 'class="arithmatex"', 'class="glightbox"')
"""Where a page has one of these, the theme's own script fetches more from a network."""
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(folder)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return folder / "site"


def build(folder: Path, **pages: str) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the pages, with `pages` (name without suffix -> text) added."""
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / CONFIG, folder)
    (folder / "rlsel").symlink_to(ROOT / "rlsel")
    for name, text in pages.items():
        (folder / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    environment = os.environ | NO_NETWORK
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def nav_files(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from nav_files(target)


def test_every_page_of_the_navigation_is_there() -> None:
    project = tomllib.loads((ROOT / CONFIG).read_text(encoding="utf-8"))["project"]
    assert [name for name in nav_files(project["nav"]) if not (DOCS / name).is_file()] == []


@pytest.mark.slow
def test_pages_load_nothing_from_a_network(site: Path) -> None:
    html = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert len(html) > 20
    for page, text in html.items():
        assert LOADED.findall(text) == [], page
        assert [mark for mark in LOADED_BY_THE_THEME if mark in text] == [], page
    for sheet in site.rglob("*.css"):
        assert LOADED_BY_CSS.findall(sheet.read_text(encoding="utf-8")) == [], sheet


@pytest.mark.slow
def test_the_reference_has_the_docstrings_of_what_rlsel_gives(site: Path) -> None:
    text = (site / "reference" / "python.html").read_text(encoding="utf-8")
    record = (site / "reference" / "record.html").read_text(encoding="utf-8")
    assert 'id="rlsel.select"' in text
    assert 'id="rlsel.run"' in text
    assert "num_kept" in record
    assert "number of candidates that it kept" in record


@pytest.mark.slow
def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    built = build(tmp_path, broken="# Broken\n\n[nowhere](nowhere.md)\n")
    assert built.returncode != 0
    assert "page does not exist" in built.stdout + built.stderr
