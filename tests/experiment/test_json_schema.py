"""The JSON schema of a config: up to date, and as strict as the loader."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter

from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment, default_experiment, load_experiment, to_dict
from rlsel.experiment.describe import SCHEMA, settings
from rlsel.experiment.json_schema import _Generator, json_schema_text
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.yaml_files import read_yaml
from rlsel.schema import config

CONFIGS = sorted((Path(__file__).parents[2] / "tune_configs").glob("*.yaml"))


@cache
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_file_is_what_the_docstrings_say() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema_text(), "run: make docs"


@pytest.mark.parametrize(
    "path",
    [p for p in CONFIGS if "grid" not in yaml.safe_load(p.read_text())],
    ids=lambda p: p.name,
)
def test_every_experiment_of_the_repository_fits(path: Path) -> None:
    assert [*validator().iter_errors(read_yaml(path))] == []
    assert load_experiment(path)


def test_a_complete_config_fits() -> None:
    assert [*validator().iter_errors(to_dict(default_experiment()))] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fits_by_its_name_and_written_out(preset: str) -> None:
    assert validator().is_valid({"preset": preset})
    assert validator().is_valid(PRESETS[preset])


def _blocks(node: dict[str, Any], where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield where
    for key, value in node.items():
        if isinstance(value, dict) and key not in ("generator", "keep_range_of_class"):
            yield from _blocks(value, (*where, key))


@pytest.mark.parametrize("where", [*_blocks(to_dict(default_experiment()))], ids=".".join)
def test_an_unknown_key_is_refused_in_every_block(where: tuple[str, ...]) -> None:
    content = to_dict(default_experiment())
    block = content
    for key in where:
        block = block[key]
    block["unknown"] = 1

    (error,) = validator().iter_errors(content)

    assert "'unknown'" in error.message
    assert tuple(error.absolute_path) == where


EMBEDDINGS = {"data": {"source": {"name": "embeddings", "path": "x"}}}
CASES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"preset": "papr"}, False),
    ({"preset": None}, True),
    ({"seed": -1}, False),
    ({"seed": "1"}, False),
    ({"data": {"source": {"name": "folder", "path": "x"}}}, True),
    ({"data": {"source": {"name": "folder", "pth": "x"}}}, False),
    ({"data": {"source": {"name": "foldr"}}}, False),
    ({"data": {"source": {"path": "x"}}}, False),
    ({"data": {"source": {"name": "npz"}}}, False),
    ({"data": {"source": {"name": "npz", "path": "x"}, "size_px": [32, 48]}}, True),
    ({"data": {"source": {"name": "npz", "path": "x"}, "size_px": [32]}}, False),
    ({"generator": None}, True),
    ({"generator": {"num_per_class": 7}}, False),
    ({"controller": {"hidden_size": 8}}, False),
    ({"preset": "default", "controller": {"hidden_size": 8}}, False),
    ({"preset": "dvrl", "controller": {"hidden_size": 8}}, True),
    ({"preset": "dvrl", "controller": {"num_heads": 2}}, False),
    ({"preset": "paper", "controller": {"num_heads": 2}}, True),
    ({"preset": "paper", "controller": {"name": "gru"}}, True),
    ({"classifier": {"epochs": 1}}, True),
    ({"classifier": {"hidden_size": 8}}, False),
    ({"classifier": {"name": "mlp", "hidden_size": 8}}, True),
    ({"preset": "paper", "classifier": {"epochs": 1}}, True),
    ({"features": {"extractor": {"epochs": 1}}}, True),
    ({"features": {"extractor": {"model": "x"}}}, False),
    ({**EMBEDDINGS, "classifier": {"hidden_size": 8}}, True),
    ({**EMBEDDINGS, "classifier": {"flips": True}}, False),
    ({**EMBEDDINGS, "classifier": {"name": "resnet34", "flips": True}}, True),
    ({"controller": {"name": "gru_attention", "num_layers": 2}}, True),
    ({"controller": {"name": "gru", "num_heads": 2}}, False),
    ({"reward": {"alpha": 1}}, False),
    ({"selection": {"keep_range_of_class": {"a": [0.1, 0.2]}}}, True),
    ({"selection": {"keep_range_of_class": {"a": [0.1, 2]}}}, False),
    ({"algorithm": {"lr": None}}, False),
    ({"algorithm": {"lr_end": None}}, True),
    ({"classifier": {"weights": 3}}, False),
]


@pytest.mark.parametrize(("content", "fits"), CASES, ids=str)
def test_the_schema_and_the_loader_agree(content: dict[str, Any], fits: bool) -> None:
    try:
        build_experiment(content, "a test")
        is_taken = True
    except InputError:
        is_taken = False

    assert validator().is_valid(content) == is_taken == fits


@config
class _Cat:
    """A cat."""

    name: Literal["cat", "kitten"] = "cat"
    lives: int = 9
    """How many are left."""


@config
class _Dog:
    """A dog."""

    name: Literal["dog"] = "dog"


@config
class _House:
    """A house."""

    pet: Annotated[_Cat | _Dog, Field(discriminator="name")] = _Cat(lives=7)
    """Who lives there."""
    guest: Annotated[_Cat | _Dog, Field(discriminator="name")] | None = None
    """Who may be there."""
    cat: _Cat = _Cat(lives=3)
    """The one of next door."""
    dogs: tuple[_Dog, ...] = ()
    """Those in the yard."""


def _houses() -> dict[str, Any]:
    made = TypeAdapter(_House).json_schema(schema_generator=_Generator)
    return {
        "$defs": made["$defs"],
        "properties": {"house": {k: made[k] for k in made if k != "$defs"}},
    }


def test_blocks_of_several_kinds_are_told_wherever_they_are() -> None:
    (house,) = settings(json.dumps(_houses()))

    assert [one.key for one in house.walk()] == [
        *("house", "house.pet", "house.pet.cat", "house.pet.cat.name", "house.pet.cat.lives"),
        *("house.pet.dog", "house.pet.dog.name", "house.guest"),
        *("house.guest.cat", "house.guest.cat.name", "house.guest.cat.lives"),
        *("house.guest.dog", "house.guest.dog.name", "house.cat"),
        *("house.cat.name", "house.cat.lives", "house.dogs", "house.dogs.name"),
    ]
    defaults = {one.key: one.default for one in house.walk()}
    assert defaults["house.pet"] == "cat"
    assert defaults["house.guest"] == "null"
    assert defaults["house.cat.lives"] == "3"
    assert defaults["house.dogs"] == "[]"
    kinds = {one.type for one in house.walk() if one.key.endswith(".cat") and one.about == "A cat."}
    assert kinds == {"name: cat or kitten", "a block"}
