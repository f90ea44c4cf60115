"""Mistakes at the command line: one line that names what is wrong, exit code 2, no traceback."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlsel.cli import main

Outcome = tuple[int, str, str]
CANDIDATES = "pool: {name: folder, path: pool}"


@pytest.fixture
def rlsel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run `rlsel ...` in a folder of its own; exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["rlsel", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        printed = capsys.readouterr()
        return (code if isinstance(code, int) else 0), printed.out, printed.err

    return call


def draw(folder: str, num: int) -> None:
    Path(folder).mkdir(parents=True)
    rng = np.random.default_rng(list(folder.encode()))  # no two folders alike
    for i in range(num):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{folder}/{i}.png")


def check(rlsel: Callable[..., Outcome], config: str) -> Outcome:
    Path("config.yaml").write_text(config)
    return rlsel("check", "config.yaml")


def require_one_line(outcome: Outcome, *words: str) -> None:
    code, _, err = outcome
    assert code == 2
    assert err.startswith("rlsel: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


@pytest.mark.parametrize("command", ["run", "check", "report", "export", "tune"])
def test_help_of_every_command_shows_an_example(rlsel, command: str) -> None:
    code, out, _ = rlsel(command, "--help")

    assert code == 0
    assert "Example" in out
    assert f"rlsel {command}" in out


def test_an_unknown_command_is_refused(rlsel) -> None:
    assert rlsel("sing")[0] == 2


def test_check_counts_the_built_in_data_and_trains_nothing(rlsel) -> None:
    code, out, _ = rlsel("check")

    assert code == 0
    assert "ready to run" in out
    assert not Path("runs").exists()


def test_a_missing_config_is_named(rlsel) -> None:
    require_one_line(rlsel("run", "none.yaml"), "none.yaml")


def test_a_missing_run_is_named(rlsel) -> None:
    require_one_line(rlsel("report", "nowhere"), "nowhere")
    require_one_line(rlsel("export", "nowhere", "--to", "there"), "nowhere")


def test_a_grid_over_an_unknown_setting_is_refused_before_anything_runs(rlsel) -> None:
    Path("sweep.yaml").write_text("grid: {algorithm.clipp: [0.1]}")

    require_one_line(rlsel("tune", "sweep.yaml"), "algorithm.clipp", "clip")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("data: {source: {name: folder, path: nope}}", ["nope"]),
        ("data: {source: {name: folder, path: $RLSEL_NOT_SET/x}}", ["RLSEL_NOT_SET"]),
        ("data: {source: {name: folder, pth: x}}", ["data.source.pth", "did you mean path"]),
        ("seed: x", ["seed", "integer"]),
        ("seed: [", ["config.yaml", "YAML"]),
        ("controller: {name: oracle}", ["controller.name", "transformer"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    rlsel, config: str, words: list[str]
) -> None:
    require_one_line(check(rlsel, config), *words)


def test_a_single_class_is_refused(rlsel) -> None:
    draw("real/a", 20)

    require_one_line(check(rlsel, "data: {source: {name: folder, path: real}}"), "two class")


def test_an_empty_class_is_named(rlsel) -> None:
    draw("real/a", 20)
    draw("real/b", 0)

    require_one_line(check(rlsel, "data: {source: {name: folder, path: real}}"), "real/b")


def test_a_truncated_image_is_named_and_can_be_skipped(rlsel) -> None:
    for name in ("real/a", "real/b", "pool/a", "pool/b"):
        draw(name, 40)
    broken = Path("real/a/3.png")
    broken.write_bytes(broken.read_bytes()[:100])

    refused = check(rlsel, "data: {source: {name: folder, path: real}}\n" + CANDIDATES)
    require_one_line(refused, "real/a/3.png", "skip_bad")
    skipping = "data: {source: {name: folder, path: real}, skip_bad: true}\n" + CANDIDATES
    assert check(rlsel, skipping)[0] == 0


def test_candidates_of_a_class_that_training_lacks_are_refused(rlsel) -> None:
    for name in ("real/a", "real/b", "pool/a", "pool/c"):
        draw(name, 40)

    refused = check(rlsel, "data: {source: {name: folder, path: real}}\n" + CANDIDATES)
    require_one_line(refused, "'c'", "a, b")


def test_a_pool_too_small_for_its_batches_is_refused(rlsel) -> None:
    for name, num in (("real/a", 40), ("real/b", 40), ("pool/a", 9), ("pool/b", 7)):
        draw(name, num)

    refused = check(rlsel, "data: {source: {name: folder, path: real}}\n" + CANDIDATES)
    require_one_line(refused, "7 candidates", "'b'")


def test_a_small_validation_set_is_warned_of_with_its_standard_error(rlsel) -> None:
    source = "{name: phantom, num_val: 50, num_train: 60, num_test: 50, size_px: 16}"
    code, out, _ = check(rlsel, f"data: {{source: {source}}}")

    assert code == 0
    said = " ".join(out.split())
    assert "warning: reward_val" in said
    assert "25 images" in said
    assert "standard error" in said


def test_a_foreign_folder_is_not_written_to(rlsel) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")

    require_one_line(rlsel("run", "--out", "mine"), "mine", "not empty")
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
