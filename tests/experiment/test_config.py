"""A config is read completely, refused in one line, and never half understood."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import (
    DOES_NOT_CHANGE_RESULTS,
    Experiment,
    build_experiment,
    default_experiment,
    load_experiment,
    to_yaml,
)
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.yaml_files import read_yaml

EXPERIMENTS: list[dict[str, Any]] = [
    {},
    {"preset": "paper"},
    {"name": "1e3", "seed": 7},
    {"data": {"source": {"name": "folder", "path": "a b/ü: c"}, "size_px": [48, 64]}},
    {"pool": {"name": "npz", "path": "pool.npz", "class_names": ["0", "no", "1e5"]}},
    {"classifier": {"weights": "weights.pt", "lr": 1e-5}, "selection": {"keep_fraction": 0.25}},
]

CHANGES: dict[str, Any] = {
    "data": {"num_train": 17},
    "pool": {"name": "planted"},
    "classifier": {"epochs": 3},
    "features": {"extractor": {"lr": 0.5}},
    "reward": {"probe": {"l2": 0.5}},
    "controller": {"name": "transformer", "positions": "none"},
    "algorithm": {"clip": 0.3},
    "selection": {"methods": ["uniform"]},
    "evaluation": {"rounds": 7},
    "audit": {"drop_copies": True},
}
"""A change to every block that results depend on, most of them deep inside."""


def build(**settings: Any) -> Experiment:
    return build_experiment(settings, "c.yaml")


def message(**settings: Any) -> str:
    """What a user reads of a config that is refused: one line, which names the file."""
    with pytest.raises(InputError) as caught:
        build(**settings)
    text = str(caught.value)
    assert text.startswith("c.yaml: ")
    assert "\n" not in text
    return text.removeprefix("c.yaml: ")


@pytest.mark.parametrize("settings", EXPERIMENTS)
def test_a_config_written_as_yaml_is_read_as_the_same(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    experiment = build(**settings)
    (tmp_path / "again.yaml").write_text(to_yaml(experiment), encoding="utf-8")

    again = load_experiment(tmp_path / "again.yaml")

    assert again == experiment
    assert again.hash == experiment.hash


def test_a_file_states_differences_and_gives_its_name(tmp_path: Path) -> None:
    (tmp_path / "my_run.yaml").write_text("algorithm:\n  clip: 0.1\n")

    experiment = load_experiment(tmp_path / "my_run.yaml")

    assert experiment == build(name="my_run", folder=str(tmp_path), algorithm={"clip": 0.1})
    assert experiment.algorithm.lr == Experiment().algorithm.lr


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")

    assert load_experiment(tmp_path / "empty.yaml") == build(name="empty", folder=str(tmp_path))


def test_without_a_file_the_built_in_default_is_run() -> None:
    assert load_experiment(None) == default_experiment()


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "1E-03"])
def test_a_number_with_an_exponent_is_a_number(text: str, tmp_path: Path) -> None:
    # Plain PyYAML takes 1e-3 for text.
    (tmp_path / "c.yaml").write_text(f"algorithm: {{lr: {text}}}")

    assert load_experiment(tmp_path / "c.yaml").algorithm.lr == 0.001


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: [1, 2", "is not valid YAML"),
        (b"- a\n- b\n", "must hold settings as `key: value`, not"),
        (b"just text", "must hold settings as `key: value`, not 'just text'"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_settings_is_an_input_error(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)

    with pytest.raises(InputError, match=expected) as caught:
        read_yaml(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such config file"):
        load_experiment(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"algoritm": {}}, "unknown key algoritm (did you mean algorithm?); known are algorithm,"),
        (
            {"algorithm": {"iteration": 3}},
            "unknown key algorithm.iteration (did you mean iterations?); known are baseline,",
        ),
        (
            {"features": {"extractor": {"epoch": 3}}},
            "unknown key features.extractor.epoch (did you mean epochs?); known are acceleration,",
        ),
        (
            {"pool": {"name": "npz", "path": "p.npz", "class_name": []}},
            "unknown key pool.class_name (did you mean class_names?); known are class_names, name,",
        ),
        ({"reward": {"zzz": 1}}, "unknown key reward.zzz; known are alpha,"),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_probably_meant(
    settings: dict[str, Any], expected: str
) -> None:
    assert message(**settings).startswith(expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"seed": "1"}, "seed is '1'; it must be a valid integer"),
        ({"seed": 1.5}, "seed is 1.5; it must be a valid integer"),
        ({"algorithm": {"lr_end": "no"}}, "algorithm.lr_end is 'no'; it must be a valid number"),
        ({"algorithm": {"lr": "fast"}}, "algorithm.lr is 'fast'; it must be a valid number"),
        ({"algorithm": 3}, "algorithm is 3; it must be a block of settings"),
        (
            {"features": {"inputs": "class"}},
            "features.inputs is 'class'; it must be a list, as in [class]",
        ),
        ({"features": {"inputs": []}}, "features.inputs is []; give at least 1"),
        (
            {"controller": "mlp"},
            "controller is 'mlp'; it must be a block of settings, as in {name: mlp}",
        ),
        (
            {"selection": {"keep_range": [0.5]}},
            "selection.keep_range is too short: give at least 2 values",
        ),
        ({"selection": {"keep_range": 0.5}}, "selection.keep_range is 0.5; it must be a list"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(settings: dict[str, Any], expected: str) -> None:
    assert message(**settings) == expected


@pytest.mark.parametrize(
    ("block", "value"),
    [
        ("algorithm.lr", float("nan")),
        ("algorithm.lr", float("inf")),
        ("algorithm.lr", 0.0),
        ("algorithm.lr", -1e-4),
        ("algorithm.clip", float("inf")),
        ("algorithm.gamma", 1.5),
        ("algorithm.iterations", 0),
        ("algorithm.episodes", 1),
        ("reward.alpha", float("nan")),
        ("reward.alpha", 1.0),
        ("classifier.lr", float("inf")),
        ("classifier.batch_size", 1),
        ("selection.keep_fraction", float("nan")),
        ("selection.keep_fraction", 0.0),
        ("selection.keep_fraction", 1.1),
        ("features.num_batches", 0),
        ("features.inputs", []),
        ("selection.methods", []),
        ("evaluation.rounds", -1),
        ("evaluators.gpus_each", 0.0),
        ("data.reward_val_fraction", 1.0),
        ("data.size_px", 0),
    ],
)
def test_an_absurd_value_is_refused_with_its_key(block: str, value: Any) -> None:
    stage, key = block.split(".")

    assert message(**{stage: {key: value}}).startswith(f"{block} is ")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"seed": -1}, "seed is -1;"),
        ({"name": "../elsewhere"}, "name is '../elsewhere';"),
        ({"name": ""}, "name is '';"),
        ({"data": {"ratios": {"train": 0.9}}}, "data.ratios: ratios sum to 1.2, not to 1"),
        (
            {"controller": {"name": "transformer", "num_heads": 3}},
            "controller: num_heads is 3; it must divide hidden_size, 64",
        ),
        (
            {"algorithm": {"num_env_runners": 5}},
            "algorithm: num_env_runners is 5; it must divide episodes, 16",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], expected: str
) -> None:
    assert message(**settings).startswith(expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"pool": {"name": "plantd"}},
            "pool.name is 'plantd'; known are phantom, planted, folder, parquet, npz",
        ),
        ({"pool": {"num_candidates": 8}}, "pool lacks `name`, which says what kind it is"),
        ({"data": {"source": {"name": "floder"}}}, "data.source.name is 'floder'; known are "),
        (
            {"controller": {"name": "transfomer"}},
            "controller.name is 'transfomer'; known are transformer, gru, gru_attention, mlp",
        ),
        (
            {"features": {"inputs": ["clas"]}},
            "features.inputs.0 is 'clas'; it must be 'class', 'own_distance',",
        ),
        (
            {"preset": "papre"},
            f"preset is 'papre'; known are {', '.join(PRESETS)}",
        ),
    ],
)
def test_a_wrong_choice_is_refused_with_the_choices(
    settings: dict[str, Any], expected: str
) -> None:
    assert message(**settings).startswith(expected)


def test_a_missing_key_is_named_with_what_it_is_for() -> None:
    assert message(pool={"name": "folder"}).startswith(
        "pool.path is missing: The folder that holds the class folders"
    )


@pytest.mark.parametrize(
    "settings", [{"seed": 5}, {"name": "other"}, {"evaluators": {"count": 3, "gpus_each": 0.5}}]
)
def test_name_seed_and_machine_do_not_change_the_hash(settings: dict[str, Any]) -> None:
    assert build(**settings).hash == build().hash


def test_everything_else_changes_the_hash() -> None:
    changes = CHANGES | {"generator": {"name": "histogan"}}  # which goes with no pool
    changed = {name: build(**{name: change}).hash for name, change in changes.items()}

    assert {f.name for f in fields(Experiment)} == {*changes, *DOES_NOT_CHANGE_RESULTS}
    assert len({*changed.values(), build().hash}) == len(changes) + 1


def test_a_hash_is_twelve_hex_digits_however_the_settings_were_given() -> None:
    one = build(algorithm={"clip": 0.2, "gamma": 0.0}, reward={"alpha": 0.0})
    other = build(reward={}, algorithm={"gamma": 0.0})

    assert one.hash == other.hash
    assert len(one.hash) == 12
    int(one.hash, 16)


def test_another_seed_changes_nothing_but_the_seed() -> None:
    experiment = build(**CHANGES)

    assert experiment.with_seed(7) == build(**CHANGES, seed=7)


def test_an_experiment_cannot_be_changed_by_accident() -> None:
    with pytest.raises(FrozenInstanceError):
        build().seed = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenInstanceError):
        build().algorithm.lr = 1.0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_can_be_loaded_and_laid_over(preset: str) -> None:
    assert build(preset=preset, seed=5).seed == 5
    assert build(preset=preset, algorithm={"lr": 0.7}).algorithm.lr == 0.7


def test_the_paper_preset_is_the_paper() -> None:
    paper = build(preset="paper")

    assert (paper.reward.fidelity, paper.reward.metric) == ("full", "accuracy")
    assert (paper.reward.covers, paper.reward.alpha) == ("kept", 0.8)
    assert (paper.features.order, paper.features.inputs) == ("own_distance", ("features",))
    assert paper.features.num_batches == 8
    controller: Any = paper.controller
    assert (controller.num_layers, controller.num_heads, controller.positions) == (
        *(2, 2),
        "sinusoidal",
    )
    algorithm = paper.algorithm
    assert (algorithm.ratio, algorithm.baseline, algorithm.gamma) == ("joint", "value", 0.0)
    assert (algorithm.clip, algorithm.lr) == (0.2, 2.5e-4)
    assert paper.evaluation.rounds == 5


def test_a_preset_changes_the_hash_only_through_its_settings() -> None:
    assert build(preset="paper", **PRESETS["paper"]).hash == build(**PRESETS["paper"]).hash


@pytest.mark.parametrize(
    ("settings", "lr"),
    [
        ({}, 2.5e-4),
        ({"algorithm": {"name": "reinforce"}}, 2e-3),
        ({"algorithm": {"name": "reinforce", "lr": 1e-3}}, 1e-3),
        ({"preset": "dvrl", "algorithm": {"name": "ppo"}}, 2.5e-4),
    ],
)
def test_the_learning_rate_goes_with_the_algorithm(settings: dict[str, Any], lr: float) -> None:
    assert build(**settings).algorithm.lr == lr
