"""A pool too large for the memory, or too small for the settings, is refused before training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_experiment import (
    NOTHING_TO_TRAIN,
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
    tiny,
    write_config,
)

import rlsel as package
from rlsel.errors import InputError
from rlsel.features import pool_size
from rlsel.stages.inputs import describe_settings_and_inputs, read_inputs
from rlsel.stages.pool_limits import planned_counts

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")
MANY = 3_000_000


@pytest.fixture
def two_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_size, "available_bytes", lambda: 2**31)


def forbid(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def reach(*arguments: object, **named: object) -> None:
        pytest.fail(f"{place} was reached")

    monkeypatch.setattr(place, reach)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    "blocks",
    [
        {"pool": {"name": "phantom", "num_candidates": MANY}},
        {"pool": {"name": "planted", "num_candidates": MANY}, "data": {"num_train": 20}},
    ],
    ids=lambda blocks: blocks["pool"]["name"],
)
def test_a_pool_that_is_to_be_drawn_is_refused_before_it_is(
    command: str, blocks: dict[str, Any], two_gib: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, "rlsel.stages.inputs.build_pool")
    write_config(Path("my.yaml"), **blocks)

    said = refused(rlsel(command, "my.yaml"))

    assert said.startswith("a run on 3,000,000 candidates of 512 numbers would take 1")
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_candidates_that_a_generator_is_to_make_are_refused_before_it_is_trained(
    two_gib: None,
) -> None:
    config = write_config(Path("my.yaml"))
    text = config.read_text()
    config.write_text(text[: text.index("pool:")] + "generator: {num_per_class: 2000000}\n")

    assert "a run on 4,000,000 candidates" in refused(rlsel("check", config))


def test_arrays_are_refused_before_anything_is_computed_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_size, "available_bytes", lambda: 2**31)
    monkeypatch.setattr(pool_size, "BYTES_EACH", 2**30)
    forbid(monkeypatch, "rlsel.arrays.claim")

    with pytest.raises(InputError, match=r"a run on 40 candidates of 7 numbers would take 42"):
        package.select(*(arrays(40) for _ in range(3)))


def arrays(num: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(num)
    return rng.standard_normal((num, 7)).astype(np.float32), np.arange(num) % 2


def test_features_that_turn_out_wide_are_refused_before_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only a network can tell how many numbers there are."""
    from rlsel.features import Features
    from rlsel.stages.description import describe

    experiment = tiny()
    splits, pool = read_inputs(experiment)
    assert pool is not None
    monkeypatch.setattr(pool_size, "available_bytes", lambda: 2**31)
    monkeypatch.setattr(pool_size, "BYTES_OF_A_FEATURE", 2**20)
    forbid(monkeypatch, "rlsel.stages.description.describe_candidates")
    parts = {"train": 40, "candidates": 32, "reward_val": 20, "selection_val": 20}
    wide = Features(
        **{name: np.zeros((num, 10_000), np.float32) for name, num in parts.items()},
        candidate_logits=np.zeros((32, 2), np.float32),
    )

    with pytest.raises(InputError, match=r"a run on 32 candidates of 10,000 numbers would take"):
        describe(experiment, splits, pool, [wide])


def test_a_pool_beyond_what_is_measured_is_a_warning_of_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_size, "SUPPORTED", pool_size.Supported(31, 512))
    experiment = tiny()
    splits, pool = read_inputs(experiment)

    warnings = describe_settings_and_inputs(experiment, splits, pool).warnings

    (told,) = [one for one in warnings if "runs were measured" in one]
    assert told.startswith("32 candidates of 512 numbers: more than the 31 of 512 numbers")


@pytest.mark.slow
def test_a_run_beyond_what_is_measured_says_so_and_goes_on(
    evaluators_up: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_size, "SUPPORTED", pool_size.Supported(31, 512))
    write_config(Path("my.yaml"), **NOTHING_TO_TRAIN)

    outcome = rlsel("run", "my.yaml", "--out", "run")

    assert outcome.code == 0
    before_any_work = outcome.said[: outcome.said.index("sets that are free")]
    assert "warning: 32 candidates of 512 numbers: more than the 31 of 512" in before_any_work


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (
            {"selection": {"keep_fraction": 0.01}},
            "selection.keep_fraction: a share of 0.01 of 32 candidates keeps none of them",
        ),
        (
            {"selection": {"keep_range": [0.0, 0.03]}},
            "selection.keep_range: a share of 0.03 of 16 candidates of class 'normal' keeps none",
        ),
        (
            {"selection": {"keep_range_of_class": {"tumour": [0.0, 0.03]}}},
            "selection.keep_range_of_class.tumour: a share of 0.03 of 16 candidates of class",
        ),
        ({"features": {"num_batches": 17}}, "features.num_batches is 17, but no class has more"),
    ],
)
def test_settings_that_want_more_than_the_pool_has_are_refused(
    blocks: dict[str, Any], said: str
) -> None:
    assert said in refused(rlsel("check", write_config(Path("my.yaml"), **blocks)))


@pytest.mark.parametrize(
    "options", [{"selection": {"keep_fraction": 0.01}}, {"features": {"num_batches": 21}}]
)
def test_arrays_are_too_few_for_such_settings_as_well(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"40 candidates keeps none|no class has more than 20"):
        package.select(*(arrays(40) for _ in range(3)), **options)


def test_candidates_of_a_generator_are_counted_before_it_is_trained() -> None:
    config = write_config(Path("my.yaml"), features={"num_batches": 9})
    text = config.read_text()
    config.write_text(text[: text.index("pool:")] + "generator: {num_per_class: 8}\n")

    assert "features.num_batches is 9" in refused(rlsel("check", config))


def test_a_pool_of_files_has_no_number_before_it_is_read() -> None:
    classes = ("a", "b", "c")
    drawn = tiny(pool={"name": "phantom", "num_candidates": 32})
    read = tiny(pool={"name": "npz", "path": "pool.npz"})

    assert planned_counts(drawn, classes) == {"a": 11, "b": 11, "c": 10}
    assert planned_counts(read, classes) is None
