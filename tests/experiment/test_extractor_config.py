"""The block features.extractor is of several kinds, and of the first where it has no name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlsel.classifier import ClassifierConfig
from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment, load_experiment, merge, to_dict, to_yaml
from rlsel.features.extractors.config import (
    FileExtractor,
    TimmExtractor,
    TorchvisionExtractor,
)

RESNET18 = {"name": "torchvision", "model": "resnet18", "weights": "random"}
FILE = {"name": "file", "path": "f.parquet"}


def build(extractor: Any, **others: Any) -> Any:
    return build_experiment({"features": {"extractor": extractor}, **others}, "c.yaml")


def message(extractor: Any, **others: Any) -> str:
    with pytest.raises(InputError) as caught:
        build(extractor, **others)
    return str(caught.value).removeprefix("c.yaml: ")


@pytest.mark.parametrize("named", [{}, {"name": "resnet34"}])
def test_without_a_name_it_is_the_resnet34_of_before(named: dict[str, str]) -> None:
    assert build({**named, "epochs": 3}).features.extractor == ClassifierConfig(epochs=3)


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({**RESNET18, "mean": [0, 0.5, 1], "size_px": 32}, TorchvisionExtractor),
        ({**RESNET18, "name": "timm"}, TimmExtractor),
        (FILE, FileExtractor),
        ({"epochs": 3}, ClassifierConfig),
    ],
)
def test_the_name_says_the_kind_and_a_complete_config_keeps_it(
    block: dict[str, Any], kind: type, tmp_path: Path
) -> None:
    experiment = build(block)
    (tmp_path / "again.yaml").write_text(to_yaml(experiment), encoding="utf-8")

    assert isinstance(experiment.features.extractor, kind)
    assert load_experiment(tmp_path / "again.yaml") == experiment


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"name": "resnet50"}, "features.extractor.name is 'resnet50'; known are resnet34, torchv"),
        ("timm", "features.extractor is 'timm'; it must be a block of settings, as in {name: timm"),
        ({**FILE, "epochs": 3}, "unknown key features.extractor.epochs; known are feature_column,"),
        ({"name": "file"}, "features.extractor.path is missing: A Parquet file, glob or folder wi"),
        ({**RESNET18, "size_px": 0}, "features.extractor.size_px is 0; it must be greater than or"),
        (
            {"name": "torchvision", "model": "resnet18"},
            "features.extractor.weights is missing: The path of a state dict; DEFAULT or another "
            "name of torchvision's own weights; or random",
        ),
        ({**RESNET18, "weights": None}, "features.extractor.weights is None; it must be a valid"),
        ({**RESNET18, "std": [1, 1, 0]}, "features.extractor.std.2 is 0; it must be greater than"),
    ],
)
def test_a_mistake_in_it_is_told_with_the_choices(block: Any, said: str) -> None:
    assert message(block).startswith(said)


@pytest.mark.parametrize("reward", [{"fidelity": "finetune"}, {"final_fidelity": "finetune"}])
def test_finetune_needs_the_resnet34_of_the_run(reward: dict[str, str]) -> None:
    assert message(RESNET18, reward=reward) == (
        "reward: finetune trains the ResNet34 on that features.extractor has trained, and "
        "features.extractor.name is torchvision: pay by probe or full, or leave name out"
    )
    assert build({}, reward=reward)


def test_a_file_has_no_features_of_what_a_generator_is_still_to_make() -> None:
    assert message(FILE, generator={"name": "histogan"}).startswith("features.extractor: a file ha")
    assert build(RESNET18, generator={"name": "histogan"})


def test_a_file_with_a_pool_that_the_seed_draws_is_warned_of() -> None:
    assert "holds" not in "".join(build(RESNET18).cautions)
    assert "a phantom pool has other images under the same ids" in build(FILE).cautions[0]
    assert build(FILE, pool={"name": "folder", "path": "made"}).cautions == ()


def test_another_name_replaces_the_block_and_no_name_is_resnet34() -> None:
    def merged(base: dict[str, Any], over: dict[str, Any]) -> Any:
        return merge({"features": {"extractor": base}}, {"features": {"extractor": over}})[
            "features"
        ]["extractor"]

    assert merged({"epochs": 3}, RESNET18) == RESNET18
    assert merged({"epochs": 3}, {"name": "resnet34", "lr": 0.1}) == {
        "epochs": 3, "name": "resnet34", "lr": 0.1,
    }  # fmt: skip
    assert merged(RESNET18, {"size_px": 32}) == {**RESNET18, "size_px": 32}
    assert merged(RESNET18, {"name": "resnet34"}) == {"name": "resnet34"}


def test_paths_begin_at_the_folder_of_the_config_and_words_are_none(tmp_path: Path) -> None:
    def read(block: str) -> Any:
        (tmp_path / "c.yaml").write_text(f"features: {{extractor: {block}}}")
        return load_experiment(tmp_path / "c.yaml").features.extractor

    network = "{name: torchvision, model: resnet18, weights: %s}"
    assert read(network % "DEFAULT").weights == "DEFAULT"
    assert read(network % "random").weights == "random"
    assert read(network % "a.pt").weights == f"{tmp_path}/a.pt"
    assert read(network % "./a").weights == f"{tmp_path}/a"
    assert read("{weights: a}").weights == tmp_path / "a"
    assert read("{name: file, path: f.parquet}").path == f"{tmp_path}/f.parquet"
    timm = read('{name: timm, model: "local-dir:net", weights: pretrained}')
    assert (timm.model, timm.weights) == (f"local-dir:{tmp_path}/net", "pretrained")


def test_the_hash_does_not_depend_on_where_a_project_lies(tmp_path: Path) -> None:
    hashes = set()
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        (folder / "c.yaml").write_text(
            'features: {extractor: {name: timm, model: "local-dir:net", weights: net/w.pt}}'
        )
        experiment = load_experiment(folder / "c.yaml")
        assert to_dict(experiment)["features"]["extractor"]["weights"] == f"{folder}/net/w.pt"
        hashes.add(replace(experiment, name="x").hash)

    assert len(hashes) == 1
