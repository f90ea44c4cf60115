"""From `rlsel check --ids` through a script of one's own, and from weights on disk, to a run."""

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from small_experiment import (
    TINY,
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
    write_config,
)
from torchvision import models

from rlsel.experiment.config import merge

DOCS = Path(__file__).parents[2] / "docs" / "features.md"
NO_TRAINING: dict[str, Any] = {
    "evaluation": {"rounds": 0},
    "audit": {"classification_rounds": 0},
    "selection": {"methods": ["uniform", "controller"]},
}
FILE = {"extractor": {"name": "file", "path": "features.parquet"}}


def write_images(root: Path, num: int, seed: int) -> None:
    """Dark images of one class and bright ones of another, in folders called as the classes."""
    rng = np.random.default_rng(seed)
    for name, low in (("dark", 0), ("bright", 100)):
        (root / name).mkdir(parents=True)
        for number in range(num):
            pixels = rng.integers(low, low + 156, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"P{number % 20:02d}_{number}.png")


@pytest.fixture
def config(in_a_folder_of_its_own: None, tmp_path: Path) -> Path:
    """Of a run on images in folders whose candidates are called as real images are."""
    write_images(tmp_path / "data", 60, 0)
    write_images(tmp_path / "made", 12, 1)
    settings = merge(TINY, NO_TRAINING) | {
        "data": {
            "source": {"name": "folder", "path": "data", "patient_from": "prefix"},
            "ratios": {"train": 0.5, "val": 0.3, "test": 0.2},
        },
        "pool": {"name": "folder", "path": "made"},
        "features": {**FILE, "num_batches": 4},
    }
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_ids_are_those_of_all_images_with_class_and_patient(config: Path, tmp_path: Path) -> None:
    outcome = rlsel("check", config, "--ids", "ids.csv")

    assert outcome.code == 0, outcome
    assert "ids of 144 images written to ids.csv" in outcome.said
    rows = rows_of(tmp_path / "ids.csv")
    assert {row["part"] for row in rows} == {
        *("train", "reward_val", "selection_val", "test", "candidates"),
    }
    for row in rows:
        root = "made" if row["part"] == "candidates" else "data"
        assert (tmp_path / root / row["id"]).is_file()
        assert row["class"] == row["id"].split("/")[0]
        patient = row["id"].split("/")[1].split("_")[0]
        assert row["patient"] == ("" if root == "made" else patient)
    assert len({(row["part"] == "candidates", row["id"]) for row in rows}) == 144


def test_ids_are_written_over_nothing(config: Path) -> None:
    before = config.read_text()

    said = refused(rlsel("check", config, "--ids", config))

    assert said == "my.yaml: is there already; choose another --ids"
    assert config.read_text() == before


def test_without_its_file_a_run_is_refused_before_it_begins(config: Path, tmp_path: Path) -> None:
    for command in ("check", "run"):
        said = refused(rlsel(command, config))
        assert "features.parquet: no such file or folder" in said
        assert "rlsel check CONFIG.yaml --ids ids.csv lists the images" in said
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())


def test_the_script_of_the_docs_makes_the_features_that_a_run_selects_by(
    config: Path, tmp_path: Path, evaluators_up: None
) -> None:
    script = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert rlsel("check", config, "--ids", "ids.csv").code == 0

    exec(compile(script, "make_features.py", "exec"), {})
    outcome = rlsel("run", config, "--out", "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    with np.load(tmp_path / "run" / "features.npz") as features:
        assert features["candidates"].shape == (24, 48)
        # Twelve dark candidates, twelve bright ones: by their colours the head knows them all.
        right = features["candidate_logits"].argmax(axis=1) == np.repeat([0, 1], 12)
        assert right.all()


def test_a_run_selects_by_a_network_whose_weights_lie_beside_its_config(
    in_a_folder_of_its_own: None, tmp_path: Path, evaluators_up: None
) -> None:
    torch.save(models.resnet18(num_classes=7).state_dict(), tmp_path / "mine.pt")
    extractor = {"name": "torchvision", "model": "resnet18", "weights": "mine.pt", "size_px": 32}
    config = write_config(tmp_path / "my.yaml", **NO_TRAINING)
    settings = yaml.safe_load(config.read_text())
    settings["features"]["extractor"] = extractor
    config.write_text(yaml.safe_dump(settings))

    outcome = rlsel("run", config, "--out", "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    with np.load(tmp_path / "run" / "features.npz") as features:
        assert features["train"].shape == (40, 512)
        assert features["candidate_logits"].shape == (32, 2)
    (tmp_path / "mine.pt").unlink()
    assert "mine.pt: features.extractor.weights is no file" in refused(rlsel("check", config))


def write_features(root: Path, low: float) -> None:
    """A file of random features for every image under `root`, none of them below `low`."""
    names = [
        f"{path.parent.name}/{path.name}"
        for folder in ("data", "made")
        for path in sorted((root / folder).glob("*/*.png"))
    ]
    parts = ["real"] * 120 + ["candidates"] * 24
    features = np.random.default_rng(0).uniform(low, low + 1, (144, 5))
    np.savez(root / "features.npz", ids=names, parts=parts, features=features)


def press_ctrl_c(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_run_goes_on_with_the_features_and_images_that_it_began_with_alone(
    config: Path, tmp_path: Path
) -> None:
    settings = yaml.safe_load(config.read_text())
    settings["features"]["extractor"]["path"] = "features.npz"
    config.write_text(yaml.safe_dump(settings))
    write_features(tmp_path, low=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlsel.pipeline.describe", press_ctrl_c)
        assert rlsel("run", config, "--out", "run").code == 130

    write_features(tmp_path, low=1.0)
    said = refused(rlsel("run", config, "--out", "run", "--resume"))
    assert said.startswith("run: the features have changed since this run began; bring them back")

    write_features(tmp_path, low=0.0)
    assert rlsel("check", config, "--ids", "ids.csv").code == 0
    tested = [row["id"] for row in rows_of(tmp_path / "ids.csv") if row["part"] == "test"]
    Image.new("RGB", (16, 16)).save(tmp_path / "data" / tested[0])
    said = refused(rlsel("run", config, "--out", "run", "--resume"))
    assert said.startswith("run: the test images have changed since this run began; bring them")
