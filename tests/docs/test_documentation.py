"""What the pages say is so: settings, commands, options, links and columns."""

import re
from pathlib import Path

import pytest
import yaml
from docs_pages import DOCS, ROOT, Block, blocks, pages
from small_experiment import evaluators_fixture, finished_run  # noqa: F401

from rlsel.commands.tuning.grid import load_sweep
from rlsel.experiment.config import build_experiment
from rlsel.runs.selection_table import read_selection
from scripts import command_line_page

WRITTEN = [block for page in pages() for block in blocks(page)]
CONFIGS = [block for block in WRITTEN if block.language == "yaml"]
PYTHON = [block for block in WRITTEN if block.language == "python"]
COMMANDS = sorted(
    {
        line
        for block in WRITTEN
        if block.language in ("", "sh")
        for line in block.text.splitlines()
        if line.startswith("rlsel ")
    }
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COLUMN = re.compile(r"^\| `([^`]+)`", re.MULTILINE)


@pytest.mark.parametrize("block", CONFIGS, ids=lambda block: block.place)
def test_every_config_of_the_pages_has_settings_that_exist(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    if "grid" in content:
        (tmp_path / "sweep.yaml").write_text(block.text)
        _, points = load_sweep(tmp_path / "sweep.yaml")
        assert len(points) > 1
    else:
        build_experiment(content, block.place)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_every_python_block_of_the_pages_compiles(block: Block) -> None:
    compile(block.text, block.place, "exec")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_pages_has_options_that_exist(line: str) -> None:
    command = re.split(r"\s+#|\s\s+|\s&&", line)[0]
    section = section_of(command.split()[1])
    options = re.findall(r"\s(--[a-z-]+)", command)
    assert [one for one in options if f"* `{one}" not in section] == []


def section_of(verb: str) -> str:
    """What the reference says of a command."""
    page = command_line_page.PAGE.read_text(encoding="utf-8")
    found = re.findall(rf"^## rlsel {verb}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no command {verb}"
    return found[0]


def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    written = command_line_page.PAGE.read_text(encoding="utf-8")
    assert written == command_line_page.page(), "make docs writes it anew"


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    targets = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(targets) > 10
    assert [one for one in targets if not (ROOT / one).exists()] == []


def test_the_page_of_the_run_folder_has_every_column_of_the_selection(evaluators_up: None) -> None:
    page = (DOCS / "reference" / "run-folder.md").read_text(encoding="utf-8")
    listed = COLUMN.findall(page.partition("## selection.parquet")[2].partition("\n## ")[0])

    assert listed == read_selection(finished_run()).column_names


def test_the_page_of_the_run_folder_has_every_file_that_a_run_leaves(evaluators_up: None) -> None:
    page = (DOCS / "reference" / "run-folder.md").read_text(encoding="utf-8")
    listed = {name.rstrip("/") for name in COLUMN.findall(page.partition("## selection")[0])}

    left = {path.name for path in finished_run().iterdir() if not path.name.startswith(".")}
    assert left - listed == set()
