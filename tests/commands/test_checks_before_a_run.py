"""`rlsel check` finds in files of features and of weights what a run would stop at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from small_experiment import refused, rlsel, tiny, write_config
from torchvision import models

from rlsel.stages.inputs import read_inputs

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def config_with(extractor: dict[str, Any] | None = None, **blocks: Any) -> Path:
    config = write_config(Path("my.yaml"), **blocks)
    settings = yaml.safe_load(config.read_text())
    if extractor is not None:
        settings["features"]["extractor"] = extractor
    config.write_text(yaml.safe_dump(settings))
    return config


def keys() -> tuple[list[str], list[str]]:
    """Ids and parts of all samples of the config."""
    splits, pool = read_inputs(tiny())
    assert pool is not None
    real = [
        id_
        for part in (splits.train, splits.reward_val, splits.selection_val)
        for id_ in part.ids.tolist()
    ]
    made = pool.candidates.ids.tolist()
    return real + made, ["real"] * len(real) + ["candidates"] * len(made)


def parquet(change: Callable[[list[Any]], Any]) -> None:
    ids, parts = keys()
    vectors: list[Any] = np.random.default_rng(0).standard_normal((len(ids), 3)).tolist()
    column = pa.array(change(vectors))
    pq.write_table(pa.table({"id": ids, "part": parts, "features": column}), "f.parquet")


def with_first(value: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda vectors: [value, *vectors[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_first([float("nan"), 0.0, 0.0]), "the first holds NaN"),
        (with_first(None), "is empty in 1 row"),
        (with_first([1.0]), "have others, first row 0 with 1"),
        (lambda vectors: [["a"]] * len(vectors), "lists of numbers are needed"),
        (lambda vectors: [1.0] * len(vectors), "lists of numbers are needed"),
    ],
)
def test_features_that_a_run_refuses_are_refused_by_check(
    change: Callable[[list[Any]], Any], said: str
) -> None:
    parquet(change)

    assert said in refused(rlsel("check", config_with({"name": "file", "path": "f.parquet"})))


def test_complex_features_are_refused_by_check() -> None:
    ids, parts = keys()
    np.savez("f.npz", ids=ids, parts=parts, features=np.ones((len(ids), 3), complex))

    assert "complex128" in refused(rlsel("check", config_with({"name": "file", "path": "f.npz"})))


def test_sound_features_pass_a_check() -> None:
    parquet(lambda vectors: vectors)

    assert rlsel("check", config_with({"name": "file", "path": "f.parquet"})).code == 0


WRONG = {
    "other.pt": lambda: models.resnet18(num_classes=2).state_dict(),
    "empty.pt": dict,
    "list.pt": lambda: [1, 2],
}


@pytest.mark.parametrize("block", ["classifier", "audit", "extractor", "torchvision"])
@pytest.mark.parametrize("name", WRONG)
def test_weights_that_a_run_refuses_are_refused_by_check(block: str, name: str) -> None:
    torch.save(WRONG[name](), name)
    configs = {
        "classifier": lambda: config_with(classifier={"weights": name}),
        "audit": lambda: config_with(audit={"weights": name}),
        "extractor": lambda: config_with({"weights": name}),
        "torchvision": lambda: config_with(
            {"name": "torchvision", "model": "resnet50", "weights": name, "size_px": 32}
        ),
    }

    assert name in refused(rlsel("check", configs[block]()))


def test_a_size_that_a_network_does_not_take_is_refused_without_a_download() -> None:
    network = {"name": "torchvision", "model": "vit_b_16", "weights": "DEFAULT", "size_px": 100}

    said = refused(rlsel("check", config_with(network)))

    assert "features.extractor.size_px: vit_b_16 takes no images of 100 px" in said


def test_more_batches_than_candidates_of_a_class_are_refused_by_check() -> None:
    said = refused(rlsel("check", write_config(Path("my.yaml"), features={"num_batches": 41})))

    assert "features.num_batches is 41, but no class has more than" in said
