"""Features are made once, and made anew where the stored ones do not fit."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_features import small_features, small_pool, small_splits

from rlsel.classifier import ClassifierConfig, Fitted
from rlsel.classifier.resnet import build_resnet34
from rlsel.data import Splits
from rlsel.features import Features, FeaturesConfig, stored
from rlsel.pool import Pool

CONFIG = FeaturesConfig()


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return Fitted(build_resnet34(3, seed=0))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, fitted: Fitted) -> list[int]:
    """The seeds of the extractors that would have been trained."""
    seeds: list[int] = []

    def fit(*arguments: object, **settings: object) -> Fitted:
        seeds.append(int(str(arguments[4])))
        return fitted

    monkeypatch.setattr(stored, "fit", fit)
    monkeypatch.setattr(stored, "extract", lambda *_, **__: small_features(len(seeds)))
    return seeds


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Features]:
    def make(
        config: FeaturesConfig = CONFIG,
        splits: Splits | None = None,
        pool: Pool | None = None,
        seed: int = 0,
    ) -> Features:
        path = tmp_path / "features.npz"
        return stored.extract_or_load(
            config, splits or small_splits(), pool or small_pool(), seed, path
        ).features

    return make


def test_stored_features_come_back_to_the_last_bit(
    trainings: list[int], make: Callable[..., Features]
) -> None:
    made, loaded = asdict(make()), asdict(make())

    assert len(trainings) == 1
    for name, array in made.items():
        assert np.array_equal(loaded[name], array)
        assert loaded[name].dtype == np.float32


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"config": FeaturesConfig(extractor=ClassifierConfig(epochs=3))},
        {"pool": small_pool().take(np.arange(40))},
        {"splits": replace(small_splits(), train=small_splits().train.take(np.arange(28)))},
        {"splits": replace(small_splits(), selection_val=small_splits().reward_val)},
    ],
)
def test_other_images_settings_or_seeds_need_other_features(
    changed: dict, trainings: list[int], make: Callable[..., Features]
) -> None:
    make()
    make(**changed)

    assert len(trainings) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"config": FeaturesConfig(num_batches=3, order="random", inputs=("features",))},
        {"splits": replace(small_splits(), test=small_splits().reward_val)},
    ],
)
def test_the_test_images_and_the_cut_into_batches_do_not(
    changed: dict, trainings: list[int], make: Callable[..., Features]
) -> None:
    make()
    make(**changed)

    assert len(trainings) == 1


@pytest.mark.parametrize("kept", [0, 3, 100, -30])
def test_a_file_that_was_cut_off_is_made_anew(
    kept: int, trainings: list[int], make: Callable[..., Features], tmp_path: Path
) -> None:
    make()
    path = tmp_path / "features.npz"
    path.write_bytes(path.read_bytes()[:kept])

    make()
    make()

    assert len(trainings) == 2


def test_the_extractor_is_kept_where_it_is_asked_for(
    trainings: list[int], make: Callable[..., Features], fitted: Fitted, tmp_path: Path
) -> None:
    make()

    kept, again = (
        stored.extract_or_load(
            CONFIG, small_splits(), small_pool(), 0, tmp_path / "features.npz", keep_weights=True
        )
        for _ in range(2)
    )

    assert len(trainings) == 2, "once without weights, once with them"
    for extracted in (kept, again):
        assert extracted.weights.keys() == fitted.model.state_dict().keys()
        for name, value in fitted.model.state_dict().items():
            assert torch.equal(extracted.weights[name], value)


def test_weights_that_cannot_be_read_are_made_anew(
    trainings: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "features.npz"
    given = (CONFIG, small_splits(), small_pool(), 0, path, True)
    stored.extract_or_load(*given)
    path.with_suffix(".pt").write_bytes(b"garbage")

    assert stored.extract_or_load(*given).weights

    assert len(trainings) == 2
    assert "features.pt: cannot be read" in "".join(capsys.readouterr().out.split("\n"))
