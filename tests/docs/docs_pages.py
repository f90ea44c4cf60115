"""The pages of docs/ as tests see them: their blocks of code, in order."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE_ELSEWHERE = ("benchmarks", "architecture", "decisions", "config", "features")
"""Pages, or folders of them, that other tests or scripts look after."""
BLOCK = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code, with what stands behind its three backticks."""

    page: Path
    language: str
    """`sh` is to be run, `text` is what it prints, `yaml` is a config; empty is for reading."""
    title: str
    """The file that the reader saves it as; empty where it is not saved."""
    text: str

    @property
    def place(self) -> str:
        """For the names of tests: the page and the first line."""
        return f"{self.page.relative_to(ROOT)}: {self.text.strip().splitlines()[0]}"


def blocks(page: Path) -> list[Block]:
    """All of a page, in order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(page, m["language"], m["title"] or "", m["text"]) for m in found]


def pages() -> list[Path]:
    """README and every page that is written by hand."""
    written = [
        page
        for page in sorted(DOCS.rglob("*.md"))
        if page.relative_to(DOCS).parts[0].removesuffix(".md") not in MADE_ELSEWHERE
    ]
    return [ROOT / "README.md", *written]
