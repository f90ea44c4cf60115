"""A config file may have any name; the experiment is called after it."""

from pathlib import Path

import pytest

from rlsel.experiment.config import load_experiment


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mein versuch.yaml", "mein-versuch"),
        ("实验.yaml", "实验"),
        ("Tumour (grade 3).yaml", "Tumour-grade-3"),
        ("v1.2.yaml", "v1.2"),
        ("_.yaml", "_"),
        ("((.yaml", "unnamed"),
    ],
)
def test_a_config_may_be_called_as_it_likes(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("seed: 3", encoding="utf-8")

    assert load_experiment(tmp_path / file).name == name
