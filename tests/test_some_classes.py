"""Candidates of the rare class alone, as a user asks for them: generate, check, import, run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
    tiny,
    write_config,
)

from rlsel.data import load_splits
from rlsel.pool import build_pool, read_pool, write_pool
from rlsel.runs.record import Record

GENERATOR: dict[str, Any] = {
    "num_per_class": 8,
    "classes": ["tumour"],
    "channels": 4,
    "max_channels": 8,
    "batch_size": 8,
    "num_images": 32,
}
NOT_SCORED = "never see class 'normal'"


def with_generator(path: Path, **changed: Any) -> Path:
    write_config(path, generator=GENERATOR | changed)
    content = yaml.safe_load(path.read_text())
    del content["pool"]
    path.write_text(yaml.safe_dump(content))
    return path


def tumours_in(path: Path) -> Path:
    """The tumours among the candidates of TINY, with what is known of them."""
    experiment = tiny()
    splits = load_splits(experiment.data, 0)
    pool = build_pool(experiment.pool, splits, experiment.data, 0)
    write_pool(pool.take(pool.candidates.labels == 1), path)
    return path


def test_generate_makes_candidates_of_the_classes_that_are_asked_for(tmp_path: Path) -> None:
    config, made = with_generator(tmp_path / "gan.yaml"), tmp_path / "made"

    outcome = rlsel("generate", config, "--out", made)

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert read_pool(made / "pool.parquet").candidates.counts == {"normal": 0, "tumour": 8}
    record = Record.read(made)
    assert record.classification == {}, "it would know one class alone"
    assert [note for note in record.notes if NOT_SCORED in note]
    assert "no candidate of class 'normal'" in record.notes
    assert "– where a class has no candidate, or too few images to compare" in outcome.said

    more = ("generate", "--from", made / "generator.pt", "--per-class", 9)
    outcome = rlsel(*more, "--class", "normal", "--out", tmp_path / "more.parquet")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert read_pool(tmp_path / "more.parquet").candidates.counts == {"normal": 9, "tumour": 0}
    said = refused(rlsel(*more, "--class", "tumor", "--out", tmp_path / "none.parquet"))
    assert said == "--class names 'tumor'; the classes are normal, tumour"


@pytest.mark.parametrize("command", ["check", "run", "generate"])
def test_a_class_to_make_that_there_is_not_is_refused(command: str, tmp_path: Path) -> None:
    config = with_generator(tmp_path / "gan.yaml", classes=["Tumour"])

    said = refused(rlsel(command, config))

    assert said == "generator.classes names 'Tumour'; the classes are normal, tumour"


def test_class_without_from_is_refused(tmp_path: Path) -> None:
    said = refused(rlsel("generate", with_generator(tmp_path / "c.yaml"), "--class", "tumour"))

    assert said == "--class goes with --from; in a config it is generator.classes"


def test_a_keep_range_of_a_class_without_a_candidate_is_warned_of(tmp_path: Path) -> None:
    pool = {"name": "parquet", "path": str(tumours_in(tmp_path / "p.parquet"))}
    ranges = {"keep_range_of_class": {"normal": [0.1, 0.5], "tumour": [0.1, 0.5]}}

    outcome = rlsel("check", write_config(tmp_path / "c.yaml", pool=pool, selection=ranges))

    assert outcome.code == 0
    assert "keep_range_of_class names 'normal', of which the pool has no candidate" in outcome.said
    assert "keep_range_of_class names 'tumour'" not in outcome.said


def test_import_takes_one_class_and_says_which_are_missing(tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml")
    made = tumours_in(tmp_path / "made.parquet")

    outcome = rlsel("import", made, "--config", config, "--to", tmp_path / "p.parquet")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "note: no candidate of class 'normal'" in outcome.said
    assert read_pool(tmp_path / "p.parquet").candidates.counts == {"normal": 0, "tumour": 16}


@pytest.mark.slow
def test_a_run_selects_among_candidates_of_one_class(tmp_path: Path, evaluators_up: None) -> None:
    pool = {"name": "parquet", "path": str(tumours_in(tmp_path / "p.parquet"))}
    ranges = {"keep_range": [0.25, 0.75]}
    methods = {"methods": ["centroid", "knn_shapley", "controller"]}
    config = write_config(
        tmp_path / "c.yaml",
        pool=pool,
        selection=ranges | methods,
        algorithm={"iterations": 1},
    )

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    record = Record.read(tmp_path / "run")
    assert [note for note in record.notes if NOT_SCORED in note]
    assert 4 <= record.num_kept["controller"] <= 12
    assert len({record.num_kept[method] for method in methods["methods"]}) == 1
    assert np.isfinite([score for row in record.scores.values() for score in row["auc"]]).all()
    assert rlsel("export", tmp_path / "run", "--to", tmp_path / "kept").code == 0
    folders = {path.name: len([*path.iterdir()]) for path in (tmp_path / "kept").glob("*/")}
    assert folders == {"normal": 0, "tumour": record.num_kept["controller"]}
