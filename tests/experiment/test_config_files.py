"""Config files: where their paths begin, no key twice, UTF-8 under any locale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlsel.data import FolderSource
from rlsel.errors import InputError
from rlsel.experiment.config import load_experiment, to_yaml
from rlsel.experiment.yaml_files import read_yaml


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def source_of(config: Path) -> str | None:
    source = load_experiment(config).data.source
    assert isinstance(source, FolderSource)
    return source.path


FOLDER = "data: {source: {name: folder, path: images}}\npool: {name: folder, path: ./pool}\n"


def test_a_relative_path_begins_at_the_folder_of_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "project" / "my.yaml", FOLDER)
    (tmp_path / "images").mkdir()
    (tmp_path / "project" / "images").mkdir()
    monkeypatch.chdir(tmp_path)

    assert source_of(config) == str(tmp_path / "project" / "images")
    assert source_of(Path("project/my.yaml")) == str(tmp_path / "project" / "images")


def test_a_path_that_only_the_working_folder_has_is_taken_from_there_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path / "project" / "my.yaml", FOLDER)
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)

    assert source_of(config) == str(tmp_path / "images")
    said = " ".join(capsys.readouterr().out.split())
    assert "data.source.path 'images' is not beside the config" in said
    assert "pool.path" not in said  # which is nowhere: it is looked for beside the config


@pytest.mark.parametrize("text", ["~/images", "$HOME/images", "/images", "$NO_SUCH_VARIABLE/x"])
def test_a_path_that_is_not_relative_stays_as_it_is(text: str, tmp_path: Path) -> None:
    config = write(tmp_path / "my.yaml", FOLDER.replace("path: images", f"path: {text}"))

    assert source_of(config) == text


def test_the_hash_does_not_depend_on_where_a_project_lies(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name / "my.yaml", FOLDER) for name in ("here", "there"))

    assert load_experiment(first).hash == load_experiment(second).hash
    moved = write(tmp_path / "here" / "other.yaml", FOLDER.replace("images", "others"))
    assert load_experiment(moved).hash != load_experiment(first).hash


def test_a_path_may_be_text(tmp_path: Path) -> None:
    config = write(tmp_path / "my.yaml", FOLDER)

    assert load_experiment(str(config)) == load_experiment(config)


def test_a_complete_config_read_from_elsewhere_is_the_same_experiment(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path / "my.yaml", FOLDER))
    copy = write(tmp_path / "run" / "config.yaml", to_yaml(experiment))

    assert load_experiment(copy) == experiment


def test_the_words_of_splits_in_ratios_are_no_paths(tmp_path: Path) -> None:
    text = FOLDER.replace("data: {", "data: {ratios: {train: 0.6, val: 0.2, test: 0.2}, ")

    assert load_experiment(write(tmp_path / "my.yaml", text)).data.ratios.train == 0.6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reward: {fidelity: probe}\nreward: {fidelity: full}\n", "'reward' .* line 1 .* line 2"),
        ("seed: 1\nalgorithm:\n  lr: 1\n  clip: 1\n  lr: 2\n", "'lr' .* line 3 .* line 5"),
        ("a: {b: 1, b: 2}", "'b' is given twice"),
    ],
)
def test_a_key_that_is_given_twice_is_refused_with_its_lines(
    text: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        read_yaml(write(tmp_path / "c.yaml", text))


def test_a_merged_anchor_may_be_overridden(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n"

    assert read_yaml(write(tmp_path / "c.yaml", text))["b"] == {"x": 3, "y": 2}


def test_a_config_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    write(tmp_path / "c.yaml", "# Größe\nselection: {keep_range_of_class: {良性: [0, 0.5]}}\n")
    code = "from rlsel.experiment.yaml_files import read_yaml; import pathlib, sys; "
    code += "sys.stdout.buffer.write(repr(read_yaml(pathlib.Path('c.yaml'))).encode())"
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True
    )

    assert "良性" in done.stdout.decode()


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes("\ufeffseed: 3\n".encode())

    assert read_yaml(tmp_path / "c.yaml") == {"seed": 3}


def test_a_key_is_text_as_it_is_written(tmp_path: Path) -> None:
    text = "{0: 1, 017: 2, no: 3, 2020-01-01: 4, 1.50: 5, null: 6}\n"

    keys = [*read_yaml(write(tmp_path / "c.yaml", text))]

    assert keys == ["0", "017", "no", "2020-01-01", "1.50", "null"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-01: 3", "unknown key 2020-01-01; known are algorithm"),
        ("name: {1: 2}", "name"),
        ("preset: [a]", r"preset is \['a'\]; known are default, paper"),
        ("data: &a {b: *a}", r"an alias \(\*name\) lies within what it stands for"),
        ("selection: {methods: &a [*a]}", "an alias"),
        ('name: "\\ud800"', r"'\\ud800' is half a character"),
        ("seed: !!int x", "is not valid YAML"),
        ("seed: !!bool x", "is not valid YAML"),
        ("seed: !!timestamp x", "is not valid YAML"),
        ("seed: 2020-13-41", "is not valid YAML"),
        ("? {a: 1}\n: 2", "is not valid YAML"),
        ("a: " + "[" * 1000, "blocks are nested too deep"),
    ],
)
def test_what_yaml_allows_and_settings_cannot_be_is_refused(
    text: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        load_experiment(write(tmp_path / "c.yaml", text))


@pytest.mark.parametrize("folder", [".", "elsewhere"])
def test_a_folder_that_is_set_by_hand_is_where_paths_begin(folder: str, tmp_path: Path) -> None:
    config = write(tmp_path / "my.yaml", f"folder: {folder}\n{FOLDER}")

    assert source_of(config) == str((tmp_path / folder / "images").resolve())


@pytest.mark.parametrize("text", ["grid: {seed: [1]}\n", "experiment: {seed: 1}\n"])
def test_a_sweep_that_is_taken_for_a_config_is_told_from_one(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a sweep; run it with: rlsel tune"):
        load_experiment(write(tmp_path / "sweep.yaml", text))
