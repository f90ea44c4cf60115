"""What the shell is told when somebody presses Tab, by Typer's environment variables."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small_experiment import rlsel

from rlsel.commands import completion
from rlsel.experiment.describe import every_setting

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.fixture(autouse=True)
def files(in_a_folder_of_its_own: None) -> None:
    for name in ("my.yaml", "my run.yml", "notes.txt", "deep/er/b.yaml", ".hidden/c.yaml"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in ("runs/one", "runs/two", "other"):
        Path(name).mkdir(parents=True)
    for name in ("one", "two"):
        Path("runs", name, "record.json").touch()


def completed(line: str, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> list[str]:
    """What bash gets for a line, of which the last word is being typed."""
    words = line.split(" ")
    monkeypatch.setenv("_RLSEL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    outcome = rlsel()
    assert (outcome.code, outcome.err) == (code, "")
    return outcome.out.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rlsel conf", ["config"]),
        ("rlsel config reward.me", ["reward.metric"]),
        (
            "rlsel config data.source.n",
            [
                "data.source.npz",
                *(f"data.source.npz.{name}" for name in ("name", "path", "class_names")),
            ],
        ),
        ("rlsel run m", ["my\\ run.yml", "my.yaml"]),
        ("rlsel check deep/", ["deep/er/b.yaml"]),
        ("rlsel tune d", ["deep/er/b.yaml"]),
        ("rlsel import x --config my.", ["my.yaml"]),
        ("rlsel run .h", [".hidden/c.yaml"]),
        ("rlsel run nowhere/", [""]),
        ("rlsel report ", ["runs/one", "runs/two"]),
        ("rlsel export runs/o", ["runs/one"]),
        ("rlsel run --see", ["--seed"]),
    ],
)
def test_a_word_is_completed(
    line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(line, monkeypatch) == expected


def test_what_cannot_be_looked_at_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_file(path: Path) -> bool:
        if path.parts[-2] == "one":
            raise PermissionError(13, "Permission denied", str(path))
        return True

    monkeypatch.setattr(Path, "is_file", is_file)

    assert completion.complete_run("runs/") == ["runs/two"]


def test_an_error_while_somebody_types_says_nothing_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(incomplete: str) -> list[str]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "runs"))
    monkeypatch.setattr(completion, "_paths", lambda *arguments: fail(""))

    assert completed("rlsel report ", monkeypatch, code=1) == []
    assert sorted(path.name for path in Path("runs").iterdir()) == ["one", "two"]


def test_all_keys_can_be_reached_from_dot_to_dot() -> None:
    found, starts = set(), [""]
    while starts:
        new = {key for key, _ in completion.complete_key(starts.pop())} - found
        found |= new
        starts += [f"{key}." for key in new]

    assert found == {one.key for one in every_setting()}


def test_a_large_tree_of_files_is_not_walked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST_LOOKED_AT", 2)

    assert completion.complete_config("") == []


@pytest.mark.parametrize("line", ["rlsel config reward.", "rlsel run m"])
def test_completion_does_not_wait_for_torch(line: str) -> None:
    code = (
        "import sys; from rlsel.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded:', sorted({'torch', 'ray', 'sklearn', 'pyarrow'} & sys.modules.keys()))"
    )
    words = line.split(" ")
    protocol = {"_RLSEL_COMPLETE": "complete_bash", "COMP_WORDS": line}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ
        | protocol
        | {"COMP_CWORD": str(len(words) - 1), "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    *found, loaded = done.stdout.splitlines()
    assert found
    assert loaded == "loaded: []"
