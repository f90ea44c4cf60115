"""Settings that are gone: refused in a new config, passed over in an old run folder."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    finished_run,
    rlsel,
)

from rlsel.commands.tuning.grid import load_sweep
from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment, load_experiment, to_dict
from rlsel.experiment.gone import GONE
from rlsel.experiment.yaml_files import read_yaml, to_yaml_text
from rlsel.runs.config_file import CONFIG, read_experiment


def with_gone(content: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The same settings with others among them, as an older version wrote them."""
    for key in keys:
        *blocks, last = key.split(".")
        inner = content
        for block in blocks:
            inner = inner.setdefault(block, {})
        inner[last] = 1
    return content


@pytest.mark.parametrize("key", GONE)
def test_a_setting_that_is_gone_is_told_from_a_slip_of_the_pen(key: str, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(to_yaml_text(with_gone({}, [key])))

    with pytest.raises(InputError) as caught:
        load_experiment(path)

    assert str(caught.value) == f"{path}: {key} is gone since 0.2: {GONE[key]}; leave it out"


def test_all_that_are_gone_are_named_at_once() -> None:
    settings = with_gone({}, ["reward.enough", "reward.climb", "algorithm.clip_end"])

    with pytest.raises(InputError, match=r"leave it out; so are reward.climb, algorithm.clip_end$"):
        build_experiment(settings, "c.yaml")


def test_a_sweep_over_a_setting_that_is_gone_says_so(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("grid: {algorithm.max_grad_norm: [0.1, 0.5]}\n")

    with pytest.raises(InputError, match=r"sweep.yaml: algorithm.max_grad_norm is gone since"):
        load_sweep(tmp_path / "sweep.yaml")


@pytest.mark.parametrize("name", ["transformer", "gru", "mlp"])
def test_the_config_of_an_old_folder_is_read_without_them(name: str, tmp_path: Path) -> None:
    experiment = build_experiment({"name": "old", "controller": {"name": name}}, "here")
    (tmp_path / CONFIG).write_text(to_yaml_text(with_gone(to_dict(experiment), [*GONE])))

    assert read_experiment(tmp_path) == experiment


@pytest.mark.slow
def test_an_old_folder_is_still_reported_and_exported(evaluators_up: None, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(finished_run(), old)
    (old / CONFIG).write_text(to_yaml_text(with_gone(read_yaml(old / CONFIG), [*GONE])))

    reported = rlsel("report", old)
    exported = rlsel("export", old, "--to", tmp_path / "selected")

    assert (reported.code, reported.err) == (0, "")
    assert (exported.code, exported.err) == (0, "")
    assert any((tmp_path / "selected").iterdir())
