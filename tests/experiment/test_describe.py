"""What is told of settings: words for types, defaults, presets, and the nearest key."""

from dataclasses import fields
from typing import Any

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import Experiment, default_experiment
from rlsel.experiment.describe import Setting, every_setting, find_settings
from rlsel.experiment.presets import PRESETS
from rlsel.experiment.type_words import type_in_words, value_in_yaml
from rlsel.schema import configs_in


def one(key: str) -> Setting:
    (found,) = find_settings(key)
    return found


def _classes(owner: Any) -> set[Any]:
    """Every Config that an experiment may hold."""
    inside = {cls for f in fields(owner) for cls in configs_in(f.type)}
    return {owner}.union(*map(_classes, inside))


def test_every_field_of_every_config_is_told() -> None:
    names = {(f.name, cls.__name__) for cls in _classes(Experiment) for f in fields(cls)}
    told = {setting.written[-1] for setting in every_setting()}

    assert {name for name, _ in names} == told - {"preset"}


def test_every_setting_has_a_meaning() -> None:
    assert [setting.key for setting in every_setting() if not setting.meaning] == []


def test_every_default_is_that_of_the_config() -> None:
    usual: Any = default_experiment()

    for key in ("features.num_batches", "reward.metric", "selection.methods", "data.ratios.val"):
        value = usual
        for part in key.split("."):
            value = getattr(value, part)
        assert one(key).default == value_in_yaml(list(value) if isinstance(value, tuple) else value)


def test_a_key_may_name_the_kind_or_be_as_yaml_has_it() -> None:
    assert one("data.source.npz.path").required
    several = find_settings("data.source.path")

    assert [s.key for s in several][:3] == [
        "data.source.folder.path",
        "data.source.parquet.path",
        "data.source.npz.path",
    ]
    assert {s.written for s in several} == {("data", "source", "path")}


def test_presets_are_told_where_they_set_something() -> None:
    assert one("evaluation.rounds").default == "5"
    assert one("evaluation.rounds").presets == {"default": "3", "paper": "5"}
    assert one("algorithm.lr_end").presets == {"paper": "null"}
    assert one("controller.mlp.name").presets == {"dvrl": "mlp"}
    assert one("controller.gru.positions").presets == {}
    told = {name for setting in every_setting() for name in setting.presets}
    assert told == set(PRESETS)


def test_a_default_that_follows_from_others_is_no_number() -> None:
    assert one("algorithm.lr").default_in_words == "follows from other settings"
    assert one("pool.npz.path").default_in_words == "has to be given"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("seed", "integer >= 0"),
        ("reward.alpha", "number in [0, 1)"),
        ("selection.keep_fraction", "number in (0, 1], or null"),
        ("reward.metric", "one of accuracy, auc, log_loss"),
        ("controller.mlp.hidden_size", "integer >= 2, a multiple of 2"),
        ("selection.methods", "list, each text, 1 or more"),
        ("features.context", "list out of decision, kept_share, kept_mean"),
        ("generator.betas", "list of 2, each number in [0, 1)"),
        ("data.size_px", "integer > 0, or list of 2, each integer > 0, or null"),
        (
            "selection.keep_range_of_class",
            "block of any names, each list of 2, each number in [0, 1]",
        ),
        ("classifier.weights", "path, or null"),
        ("classifier.flips", "true or false"),
        ("pool", "a block of one of several kinds"),
    ],
)
def test_a_type_is_told_in_words(key: str, words: str) -> None:
    assert one(key).type == words


def test_a_list_of_unlike_things_is_told_one_by_one() -> None:
    node = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}

    assert type_in_words(node, {}) == "list of 2: integer; text"


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("metric", "reward.metric"),
        ("reward.metrik", "reward.metric"),
        ("rewrd.metric", "reward.metric"),
        ("data.source.pth", "data.source.path"),
        ("controler", "controller"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(key: str, nearest: str) -> None:
    with pytest.raises(InputError) as raised:
        find_settings(key)

    assert f"no setting {key!r} (did you mean {nearest}?)" in str(raised.value)


@pytest.mark.parametrize(
    ("key", "described"),
    [
        ("reward.smoothing", "'smoothing' is in the meaning of reward.alpha; "),
        ("learning_rate", "'learning_rate' is in the meaning of algorithm.lr, "),
        ("reward.weight", "'weight' is in the meaning of reward.alpha, "),
    ],
)
def test_an_unknown_key_is_answered_with_settings_described_in_its_words(
    key: str, described: str
) -> None:
    with pytest.raises(InputError) as raised:
        find_settings(key)

    assert described in str(raised.value)


@pytest.mark.parametrize("key", ["quite something else", "", "..."])
def test_what_is_like_no_key_gets_no_guess(key: str) -> None:
    with pytest.raises(InputError, match=r"`rlsel config` lists all") as raised:
        find_settings(key)

    assert "did you mean" not in str(raised.value)
    assert "is in the meaning of" not in str(raised.value)


def test_a_setting_of_earlier_versions_is_answered_with_what_holds_now() -> None:
    with pytest.raises(InputError, match=r"reward.climb is gone since 0.2: reward.fidelity pays"):
        find_settings("reward.climb")


def test_the_first_sentence_ends_in_no_brackets() -> None:
    meaning = "Width (ProGAN: Karras et al. 2018. Table 2) of both. None cuts none."

    assert Setting("a", ("a",), "text", meaning=meaning).first_sentence == (
        "Width (ProGAN: Karras et al. 2018. Table 2) of both."
    )
