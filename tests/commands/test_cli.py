"""The command line: help, exit codes, and what each command prints and leaves alone."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small_experiment import (
    METHODS,
    Outcome,
    evaluators_fixture,  # noqa: F401
    finished_run,
    rlsel,
    tiny,
    write_config,
)

from rlsel import cli
from rlsel.rewards import Workbench

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as the inputs are read."""

    def press_ctrl_c(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rlsel.pipeline.select_and_score", press_ctrl_c)


def plain(text: str) -> str:
    """Without colours and frames."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


def test_help_lists_every_command() -> None:
    outcome = rlsel("--help")

    assert outcome.code == 0
    for command in ("run", "check", "report", "export", "tune"):
        assert re.search(rf"\b{command} [A-Z]", plain(outcome.out)), command


@pytest.mark.parametrize("command", ["run", "check", "report", "export", "tune"])
def test_help_of_every_command_shows_an_example(command: str) -> None:
    outcome = rlsel(command, "--help")

    assert outcome.code == 0
    example = plain(outcome.out).split("Example", 1)[1]
    assert f"rlsel {command} " in example


def test_without_a_command_help_is_shown() -> None:
    assert "rlsel [OPTIONS] COMMAND [ARGS]" in plain(rlsel().out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "'trian'"),
        (["run", "--sed", "3"], "--seed"),
        (["run", "--seed", "-1"], "greater than or equal to 0"),
    ],
)
def test_a_slip_of_the_pen_ends_with_exit_code_2(words: list[str], expected: str) -> None:
    outcome = rlsel(*words)

    assert outcome.code == 2
    assert expected in plain(outcome.err)
    assert "Traceback" not in outcome.err


def test_python_dash_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rlsel", "run", "missing.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "rlsel: missing.yaml: there is no such config file\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_range_for_a_class_there_is_not_is_found_before_anything_is_trained(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsel.features.extract.fit", None)
    write_config(Path("tiny.yaml"), selection={"keep_range_of_class": {"tumor": [0.1, 0.5]}})

    outcome = rlsel(command, "tiny.yaml")

    assert outcome.code == 2
    assert "selection.keep_range_of_class names 'tumor'" in outcome.err


def test_check_counts_images_and_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("check trains nothing")

    monkeypatch.setattr("rlsel.features.extract.fit", refuse)
    monkeypatch.setattr(Workbench, "evaluate", refuse)
    write_config(Path("tiny.yaml"))

    outcome = rlsel("check", "tiny.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    said = outcome.said
    # normal, tumour, total, size; the phantom has no patients.
    assert "train 20 20 40 16 x 16 px unknown" in said
    assert "reward_val 10 10 20 16 x 16" in said
    assert "selection_val 10 10 20 16 x 16" in said
    assert "test 15 15 30 16 x 16" in said
    assert "pool 16 16 32 16 x 16" in said
    assert f"tiny: config {tiny().hash}, seed 0, 3 warnings; ready to run" in said
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


@pytest.mark.usefixtures("interrupting")
def test_an_interrupted_run_says_how_to_go_on() -> None:
    write_config(Path("tiny.yaml"))

    outcome = rlsel("run", "tiny.yaml", "--seed", 3)

    assert outcome.code == 130
    assert outcome.err == (
        "\ninterrupted; nothing finished is lost. "
        "Go on with: rlsel run tiny.yaml --seed 3 --resume\n"
    )


@pytest.mark.usefixtures("interrupting")
def test_runs_without_out_are_numbered_and_the_newest_is_resumed() -> None:
    write_config(Path("tiny.yaml"))
    name = f"tiny-{tiny().hash[:6]}-seed3"

    for _ in range(3):
        assert rlsel("run", "tiny.yaml", "--seed", 3).code == 130
    assert rlsel("run", "tiny.yaml", "--seed", 3, "--resume").code == 130
    assert rlsel("run", "tiny.yaml", "--seed", 4).code == 130

    assert sorted(path.name for path in Path("runs").iterdir()) == [
        *(name, f"{name}-2", f"{name}-3", name.replace("seed3", "seed4")),
    ]


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


def require_its_table(outcome: Outcome) -> None:
    assert (outcome.code, outcome.err) == (0, "")
    for method in METHODS:
        assert re.search(rf"{method.replace('_', ' ')}[a-z †]* \.\d\d\d", outcome.said), method
    assert "The learned selection scores" in outcome.said


@pytest.mark.slow
def test_report_prints_the_table_and_draws_the_page_again(finished: Path) -> None:
    page = finished / "report.html"
    before = page.read_text()
    page.write_text("lost")

    outcome = rlsel("report", finished)

    require_its_table(outcome)
    assert page.read_text() == before


@pytest.mark.slow
def test_a_finished_run_that_is_resumed_prints_its_table(finished: Path) -> None:
    write_config(Path("tiny.yaml"))

    require_its_table(rlsel("run", "tiny.yaml", "--out", finished, "--resume"))


def test_a_report_of_what_is_no_run_is_refused() -> None:
    Path("empty").mkdir()

    for name in ("empty", "missing"):
        outcome = rlsel("report", name)
        assert outcome.code == 2
        assert re.fullmatch(rf"rlsel: {name}: [^\n]+\n", outcome.err)


def test_an_error_that_nobody_foresaw_is_one_line_and_names_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(prog_name: str) -> None:
        raise KeyError("a column\nthat is not there")

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(SystemExit) as raised:
        cli.main()

    said = capsys.readouterr().err
    assert raised.value.code == 1
    assert said.count("\n") == 1
    (written,) = tmp_path.glob("rlsel-error-*.txt")
    assert str(written) in said
    assert "KeyError" in said
    assert "in fail" in written.read_text(encoding="utf-8")
