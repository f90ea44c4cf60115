"""A run on embeddings, from a Parquet file to the exported selection."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from small_embeddings import WIDTH, vectors, write_embeddings
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
)

import rlsel as package
from rlsel.runs.record import Record

NUM_CANDIDATES = 48
SHORT: dict[str, Any] = {
    "classifier": {"epochs": 3},
    "features": {"num_batches": 4},
    "algorithm": {"iterations": 2, "episodes": 2, "num_env_runners": 0},
    "evaluation": {"rounds": 2},
    "evaluators": {"count": 1},
}


def write(folder: Path, **changed: Any) -> Path:
    """A config beside its files; half of the candidates have the label of the other class."""
    split = np.array(["train"] * 60 + ["val"] * 80 + ["test"] * 80)
    write_embeddings(folder / "real.parquet", 220, split=split)
    _, labels_N = vectors(NUM_CANDIDATES)
    wrong_N = np.arange(NUM_CANDIDATES) % 4 > 1
    names = np.array(["healthy", "tumeur ö"])[np.where(wrong_N, 1 - labels_N, labels_N)]
    ids = [f"c{i}" for i in range(NUM_CANDIDATES)]
    write_embeddings(
        folder / "made.parquet", NUM_CANDIDATES, seed=3, labels=names, id=ids, useful=~wrong_N
    )
    content = {
        "data": {"source": {"name": "embeddings", "path": "real.parquet"}},
        "pool": {"name": "embeddings", "path": "made.parquet"},
        **SHORT,
        **changed,
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return folder / "mine.yaml"


@pytest.mark.slow
def test_a_run_on_embeddings_leaves_all_that_a_run_leaves(
    evaluators_up: None, tmp_path: Path
) -> None:
    config = write(tmp_path)

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    record = Record.read(tmp_path / "run")
    assert record.evaluations["by_fidelity"].keys() == {"full", "probe"}
    assert len(record.scores["controller"]["accuracy"]) == 2
    assert record.truth is not None
    assert record.truth["margin"]["auc"] > 0.9, "a wrong label is seen"
    assert record.classification.keys() == {"candidates"}
    assert record.copies is not None
    assert next(iter(record.copies["spaces"])) == "embeddings"
    report = (tmp_path / "run" / "report.html").read_text()
    assert "The surest decisions" in report
    assert "Most like a training sample" in report


@pytest.mark.slow
def test_the_selection_is_exported_as_embeddings(evaluators_up: None, tmp_path: Path) -> None:
    config = write(tmp_path, selection={"methods": ["centroid"]}, evaluation={"rounds": 0})
    assert rlsel("run", config, "--out", tmp_path / "run").code == 0

    outcome = rlsel("export", tmp_path / "run", "--to", tmp_path / "out")

    assert outcome.code == 0, outcome
    kept = pq.read_table(tmp_path / "out" / "selected.parquet")
    table = pq.read_table(tmp_path / "out" / "selection.parquet").to_pylist()
    assert f"{len(kept)} selected embeddings written to" in outcome.said
    assert kept["id"].to_pylist() == [row["candidate_id"] for row in table if row["kept"]]
    assert len(kept["embedding"][0]) == WIDTH
    assert {row["nearest_train"] for row in table} <= {f"real:{i}" for i in range(60)}
    assert "images only" in refused(
        rlsel("export", tmp_path / "run", "--to", tmp_path / "two", "--originals")
    )


def test_check_tells_the_width(tmp_path: Path) -> None:
    outcome = rlsel("check", write(tmp_path))

    assert outcome.code == 0, outcome
    assert f"{WIDTH} numbers" in outcome.said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"classifier": {"name": "resnet34"}}, "set classifier.name: mlp"),
        ({"reward": {"fidelity": "finetune"}}, "finetune goes on from a ResNet34"),
        ({"features": {"extractor": {"epochs": 3}}}, "features.extractor is for images"),
        ({"audit": {"weights": "real.parquet"}}, "audit.weights is for images"),
        ({"pool": {"name": "folder", "path": "."}}, "at least two class folders"),
        ({"pool": {"name": "phantom"}}, "for embeddings take embeddings or planted"),
        ({"data": {"source": {"name": "phantom"}}}, "holds embeddings, and the real samples are"),
    ],
)
def test_settings_of_another_kind_of_sample_are_refused(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refused(rlsel("check", write(tmp_path, **changed)))


def test_candidates_of_another_width_are_refused(tmp_path: Path) -> None:
    config = write(tmp_path)
    np.savez(tmp_path / "made.npz", embeddings=np.ones((20, 5)), labels=np.arange(20) % 2)
    content = yaml.safe_load(config.read_text())
    content["pool"] = {
        "name": "embeddings",
        "path": "made.npz",
        "class_names": ["healthy", "tumeur ö"],
    }
    config.write_text(yaml.safe_dump(content))

    assert "5 numbers, and the real ones have 11 numbers" in refused(rlsel("check", config))


@pytest.mark.slow
def test_select_takes_arrays_of_embeddings(evaluators_up: None, tmp_path: Path) -> None:
    options = SHORT | {"selection": {"methods": ["controller"]}, "evaluation": {"rounds": 0}}

    selection = package.select(
        vectors(40), vectors(60, 1), vectors(NUM_CANDIDATES, 2), out=tmp_path / "run", **options
    )

    assert selection.kept_N.shape == (NUM_CANDIDATES,)
    assert pq.read_table(tmp_path / "run" / "pool.parquet").column_names[0] == "embedding"


@pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (1e30, r"1e\+30, and 1e\+15 is")])
def test_an_array_that_cannot_be_computed_with_is_refused(value: float, said: str) -> None:
    x_NF, labels_N = vectors(20)
    x_NF[3, 2] = value

    with pytest.raises(package.InputError, match=f"train: the embedding at 3 holds {said}"):
        package.select((x_NF, labels_N), vectors(20), vectors(20))
