"""Features are made once for all runs, and made anew where the stored ones do not fit."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_features import small_features, small_pool, small_splits

import rlsel.features.extract as extracting
from rlsel.classifier import ClassifierConfig, Fitted
from rlsel.classifier.resnet import build_resnet34
from rlsel.data import Splits
from rlsel.features import Extracted, FeaturesConfig, extraction
from rlsel.machine.cache.kept import kept
from rlsel.pool import Pool

CONFIG = FeaturesConfig()


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return Fitted(build_resnet34(3, seed=0))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the test alone."""
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, fitted: Fitted) -> list[int]:
    """The seeds of the extractors that would have been trained."""
    seeds: list[int] = []

    def fit(*arguments: object, **settings: object) -> Fitted:
        seeds.append(int(str(arguments[4])))
        return fitted

    monkeypatch.setattr(extracting, "fit", fit)
    monkeypatch.setattr(extracting, "extract", lambda *_, **__: small_features(len(seeds)))
    return seeds


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Extracted]:
    def make(
        config: FeaturesConfig = CONFIG,
        splits: Splits | None = None,
        pool: Pool | None = None,
        seed: int = 0,
        run: str = "run",
        keep_weights: bool = False,
    ) -> Extracted:
        (tmp_path / run).mkdir(exist_ok=True)
        images = (splits or small_splits(), pool or small_pool())
        return kept(extraction(config, *images, seed, keep_weights), tmp_path / run)

    return make


def test_stored_features_come_back_to_the_last_bit(
    trainings: list[int], make: Callable[..., Extracted]
) -> None:
    made, loaded = make().features.arrays, make().features.arrays

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
    changed: dict, trainings: list[int], make: Callable[..., Extracted]
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
    changed: dict, trainings: list[int], make: Callable[..., Extracted]
) -> None:
    make()
    make(**changed)

    assert len(trainings) == 1


@pytest.mark.parametrize("kept", [0, 3, 100, -30])
def test_a_file_that_was_cut_off_is_made_anew(
    kept: int, trainings: list[int], make: Callable[..., Extracted], tmp_path: Path
) -> None:
    make()
    path = tmp_path / "run" / "features.npz"
    path.write_bytes(path.read_bytes()[:kept])  # the file of the cache as well: it is the same

    make()
    make()

    assert len(trainings) == 2


def test_the_extractor_is_kept_where_it_is_asked_for(
    trainings: list[int], make: Callable[..., Extracted], fitted: Fitted
) -> None:
    make()

    once, again = (make(keep_weights=True) for _ in range(2))

    assert len(trainings) == 2, "once without weights, once with them"
    for extracted in (once, again):
        assert extracted.weights.keys() == fitted.model.state_dict().keys()
        for name, value in fitted.model.state_dict().items():
            assert torch.equal(extracted.weights[name], value)


def test_weights_that_cannot_be_read_are_made_anew(
    trainings: list[int],
    make: Callable[..., Extracted],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(keep_weights=True)
    (tmp_path / "run" / "features.pt").write_bytes(b"garbage")

    assert make(keep_weights=True).weights

    assert len(trainings) == 2
    assert "features.pt cannot be read" in " ".join(capsys.readouterr().out.split())


def test_another_run_of_the_same_takes_the_features_over(
    trainings: list[int], make: Callable[..., Extracted], tmp_path: Path
) -> None:
    made, taken = (vars(make(run=run, keep_weights=True).features) for run in ("run", "other"))

    assert len(trainings) == 1
    assert all(np.array_equal(taken[name], array) for name, array in made.items())
    assert (tmp_path / "other" / "features.pt").exists(), "a run folder is complete by itself"


def test_runs_that_want_the_same_at_once_train_one_extractor(
    trainings: list[int],
    make: Callable[..., Extracted],
    fitted: Fitted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit_slowly(*_: object, **__: object) -> Fitted:
        trainings.append(0)
        time.sleep(0.2)
        return fitted

    monkeypatch.setattr(extracting, "fit", fit_slowly)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda run: make(run=run), ("one", "two", "three")))

    assert len(trainings) == 1


def test_who_needs_the_extractor_does_not_take_over_features_alone(
    trainings: list[int], make: Callable[..., Extracted]
) -> None:
    make()
    make(run="other", keep_weights=True)
    make(run="third", keep_weights=True)

    assert len(trainings) == 2


def test_what_other_hardware_computed_is_not_taken_over(
    trainings: list[int], make: Callable[..., Extracted], monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "ABACUS")
    make(run="other")

    assert len(trainings) == 2


def test_without_a_cache_every_run_trains_its_own(
    trainings: list[int],
    make: Callable[..., Extracted],
    cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache.write_text("no folder")

    make()
    make(run="other")

    assert len(trainings) == 2
    assert "going on without a cache" in capsys.readouterr().out
