"""Controllers, algorithms and credit are chosen by name; what does not go together is refused."""

from pathlib import Path
from typing import Any

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment, load_experiment, to_yaml
from rlsel.experiment.presets import PRESETS


@pytest.mark.parametrize("credit", ["shared", "ridge", "factored"])
@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
@pytest.mark.parametrize("controller", ["transformer", "gru", "gru_attention", "mlp"])
def test_every_controller_goes_with_every_algorithm(
    controller: str, algorithm: str, credit: str, tmp_path: Path
) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(
        f"controller: {{name: {controller}, hidden_size: 32}}\n"
        f"algorithm: {{name: {algorithm}, lr: 1e-3, credit: {{name: {credit}}}}}\n"
    )

    experiment = load_experiment(path)

    assert (experiment.controller.name, experiment.controller.hidden_size) == (controller, 32)
    assert (experiment.algorithm.name, experiment.algorithm.lr) == (algorithm, 1e-3)
    assert experiment.algorithm.credit.name == credit
    path.write_text(to_yaml(experiment))
    assert load_experiment(path) == experiment


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
@pytest.mark.parametrize("controller", ["transformer", "gru", "gru_attention", "mlp"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_pair_goes_with_every_preset(preset: str, controller: str, algorithm: str) -> None:
    chosen = {"controller": {"name": controller}, "algorithm": {"name": algorithm}}

    experiment = build_experiment({"preset": preset, **chosen}, "c.yaml")

    assert (experiment.controller.name, experiment.algorithm.name) == (controller, algorithm)


@pytest.mark.parametrize("preset", PRESETS)
def test_to_name_what_a_preset_has_anyway_changes_nothing(preset: str) -> None:
    plain = build_experiment({"preset": preset}, "c.yaml")
    names = {part: {"name": getattr(plain, part).name} for part in ("algorithm", "controller")}

    named = build_experiment({"preset": preset, **names}, "c.yaml")

    assert named == plain


def refusal(**settings: Any) -> str:
    """The one line of it."""
    with pytest.raises(InputError) as caught:
        build_experiment(settings, "c.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("c.yaml: ")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"controller": {"name": "lstm"}},
            "controller.name is 'lstm'; known are transformer, gru, gru_attention, mlp",
        ),
        ({"controller": {"positions": "none"}}, "controller lacks `name`, which says what kind it"),
        (
            {"algorithm": {"name": "a2c"}},
            "algorithm.name is 'a2c'; it must be 'ppo' or 'reinforce'",
        ),
        (
            {"algorithm": {"credit": {"name": "shapley"}}},
            "algorithm.credit.name is 'shapley'; it must be 'shared', 'ridge' or 'factored'",
        ),
        (
            {"reward": {"covers": "all"}},
            "reward.covers is 'all'; it must be 'decision', 'gain', 'kept' or 'contrast'",
        ),
        (
            {"features": {"context": ["kept"]}},
            "features.context.0 is 'kept'; it must be 'decision', 'kept_share' or 'kept_mean'",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_the_choices(
    settings: dict[str, Any], expected: str
) -> None:
    assert refusal(**settings).startswith(expected)


@pytest.mark.parametrize("name", ["gru", "gru_attention", "mlp"])
def test_a_setting_of_another_controller_is_refused(name: str) -> None:
    assert refusal(controller={"name": name, "num_heads": 2}).startswith(
        "unknown key controller.num_heads (did you mean num_layers?); known are "
    )


@pytest.mark.parametrize("name", ["transformer", "gru", "gru_attention", "mlp"])
def test_a_width_that_is_odd_is_refused(name: str) -> None:
    assert refusal(controller={"name": name, "hidden_size": 7}) == (
        "controller.hidden_size is 7; it must be a multiple of 2"
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"clip": 0.1},
        {"ratio": "joint"},
        {"num_epochs": 1},
        {"minibatch_size": 64},
    ],
)
def test_reinforce_refuses_what_is_of_ppo_alone(setting: dict[str, Any]) -> None:
    assert refusal(algorithm={"name": "reinforce", **setting}) == (
        f"algorithm: {next(iter(setting))} is of ppo alone; leave it out with reinforce"
    )


@pytest.mark.parametrize("name", ["ridge", "factored"])
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"ratio": "joint"}, "pays each candidate by itself: set ratio: per_candidate"),
        ({"gamma": 0.5}, "explains the reward of one decision: set gamma: 0"),
    ],
)
def test_credit_refuses_what_it_cannot_share_out(
    name: str, setting: dict[str, Any], expected: str
) -> None:
    assert refusal(algorithm={"credit": {"name": name}, **setting}) == (
        f"algorithm: credit.name {name} {expected}"
    )


@pytest.mark.parametrize("name", ["gru", "gru_attention"])
@pytest.mark.parametrize(
    "setting", [{"keep_range": [0.1, 0.5]}, {"keep_range_of_class": {"tumour": [0.1, 0.5]}}]
)
def test_a_sequential_controller_refuses_a_keep_range(name: str, setting: dict[str, Any]) -> None:
    assert refusal(controller={"name": name}, selection=setting).startswith(
        f"selection.keep_range: a {name} decides before it has seen all of a class"
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"keep_range": [0.5, 0.1]}, "keep_range is [0.5, 0.1]; give [least, greatest]"),
        (
            {"keep_range_of_class": {"a": [0.0, 0.0]}},
            "keep_range_of_class.a is [0.0, 0.0]; give [least, greatest]",
        ),
        ({"keep_range": [1.0, 1.0]}, "keep_range is [1.0, 1.0]; give [least, greatest]"),
        (
            {"keep_range": [0.1, 0.5], "methods": ["uniform"]},
            "keep_range binds the controller and the best free set",
        ),
        (
            {"keep_range": [0.1, 0.5], "keep_fraction": 0.5},
            "keep_fraction and keep_range exclude each other: give one of them",
        ),
    ],
)
def test_a_range_that_nothing_meets_is_refused(setting: dict[str, Any], expected: str) -> None:
    assert refusal(selection=setting).startswith(f"selection: {expected}")
