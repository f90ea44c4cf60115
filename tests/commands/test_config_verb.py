"""`rlsel config`: every setting can be looked up, at any width, and the page is up to date."""

import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from small_experiment import refused, rlsel

from rlsel.commands.config import terminal
from rlsel.commands.config.example import example_of
from rlsel.commands.config.page import config_page
from rlsel.errors import InputError
from rlsel.experiment import describe
from rlsel.experiment.config import build_experiment
from rlsel.experiment.describe import SCHEMA, Setting, every_setting, settings

PAGE = Path(__file__).parents[2] / "docs" / "config.md"


def test_the_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == config_page(), "run: make docs"


def test_the_page_has_every_setting() -> None:
    page = config_page()

    for one in every_setting():
        heading = one.is_block or one.type.startswith("name: ")
        assert (f" {one.key}\n" if heading else f"| `{one.written[-1]}` |") in page, one.key


def test_every_key_can_be_looked_up_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=60, highlight=False, soft_wrap=True)
    monkeypatch.setattr(terminal, "console", console)

    with console.capture() as capture:
        terminal.print_blocks()
        for one in every_setting():
            terminal.print_setting(one.key)

    longest = max(capture.get().splitlines(), key=len)
    # A key is never broken, so that it can be copied.
    assert len(longest) <= 75, longest


def test_without_a_key_every_block_has_a_line() -> None:
    outcome = rlsel("config")

    assert outcome.code == 0
    lines = [line.split(" ")[0] for line in outcome.out.splitlines() if line[:1].isalpha()]
    assert lines[: len(settings())] == [one.key for one in settings()]


def test_a_block_lists_its_settings_with_their_defaults() -> None:
    said = rlsel("config", "reward").said

    assert "metric: auc one of accuracy, auc, log_loss; preset paper: accuracy" in said
    assert "probe: a block: rlsel config reward.probe" in said


def test_a_setting_is_explained_and_shown_as_it_is_written() -> None:
    outcome = rlsel("config", "data.source.npz.path")

    assert outcome.said.startswith("data.source.npz.path type text default has to be given")
    assert "    data:\n      source:\n        name: npz\n        path: ...\n" in outcome.out


def refusal_of(setting: Setting) -> str:
    """What the example of a setting is refused with; empty if it is a config."""
    try:
        build_experiment(yaml.safe_load("\n".join(example_of(setting))), "it")
    except InputError as error:
        return str(error)
    return ""


def test_the_example_of_every_setting_is_a_config() -> None:
    """Where the value is left to the reader, as `...`, that is all that is wrong with it."""
    refused_with = [(one, refusal_of(one)) for one in every_setting() if not one.is_block]
    wrong = {
        one.key: said
        for one, said in refused_with
        if said and not said.startswith(f"it: {'.'.join(one.written)} is '...'")
    }

    assert wrong == {}


@pytest.mark.parametrize(
    ("key", "choices", "default"),
    [
        ("data.source.name", "phantom, folder, parquet, npz, pcam_hdf5", "phantom"),
        ("classifier.name", "resnet34, mlp", "resnet34"),
        ("generator.name", "histogan", "histogan"),
    ],
)
def test_the_name_of_a_kind_is_told_once_with_the_choices(
    key: str, choices: str, default: str
) -> None:
    said = rlsel("config", key).said

    assert said.startswith(f"{key} type one of {choices}")
    assert said.count(" default ") == 1
    assert f" default {default} Which kind it is" in said


def test_a_setting_in_a_list_is_shown_with_its_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    rung = {"type": "object", "properties": {"height": {"type": "integer"}}}
    rungs = {"type": "array", "items": {"$ref": "#/$defs/Rung"}, "default": []}
    text = json.dumps({"$defs": {"Rung": rung}, "properties": {"rungs": rungs}})
    monkeypatch.setattr(describe, "settings", lambda: settings(text))

    assert "    rungs:\n      - height: ...\n" in rlsel("config", "rungs.height").out
    assert "rungs (a list of blocks; by default it is empty)" in rlsel("config", "rungs").out


def test_an_unknown_key_is_one_line() -> None:
    said = refused(rlsel("config", "reward.metrik"))

    assert said == (
        "there is no setting 'reward.metrik' (did you mean reward.metric?); "
        "`rlsel config` lists all"
    )


def test_schema_and_page_are_printed_as_they_lie_in_the_repository() -> None:
    assert rlsel("config", "--schema").out == SCHEMA.read_text(encoding="utf-8")
    assert json.loads(rlsel("config", "--schema").out)["title"] == "rlsel"
    assert rlsel("config", "--markdown").out == PAGE.read_text(encoding="utf-8")
    assert "give one of" in refused(rlsel("config", "reward", "--schema"))
