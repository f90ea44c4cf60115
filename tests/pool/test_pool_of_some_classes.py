"""A pool may have candidates of some classes alone, as where the rare one is augmented."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlsel.data import DataConfig, FolderSource, ImageSet, Splits
from rlsel.data.read import read_parts
from rlsel.errors import InputError
from rlsel.pool import (
    FolderPool,
    NpzPool,
    ParquetPool,
    Pool,
    PoolConfig,
    build_pool,
    describe_inputs,
    read_pool,
    write_pool,
)
from rlsel.pool.build import require_enough

REAL = DataConfig(source=FolderSource(path="not read here"))
NUM = 11


@pytest.fixture
def tumours(image_set: Callable[..., ImageSet]) -> ImageSet:
    return image_set({"normal": 0, "tumour": NUM}, seed=9)


def in_folder(tumours: ImageSet, at: Path) -> PoolConfig:
    (at / "made" / "tumour").mkdir(parents=True)
    for index, image in enumerate(tumours.images):
        Image.fromarray(image).save(at / "made" / "tumour" / f"{index}.png")
    return FolderPool(path=str(at / "made"))


def beside_an_empty_folder(tumours: ImageSet, at: Path) -> PoolConfig:
    config = in_folder(tumours, at)
    (at / "made" / "normal").mkdir()
    return config


def in_npz(tumours: ImageSet, at: Path) -> PoolConfig:
    np.savez(at / "made.npz", images=tumours.images, labels=tumours.labels)
    return NpzPool(path=str(at / "made.npz"), class_names=("normal", "tumour"))


def in_parquet(tumours: ImageSet, at: Path) -> PoolConfig:
    write_pool(Pool(tumours, "elsewhere"), at / "made.parquet")
    return ParquetPool(path=str(at / "made.parquet"))


@pytest.mark.parametrize("write", [in_folder, beside_an_empty_folder, in_npz, in_parquet])
def test_candidates_of_one_class_are_a_pool(
    splits: Splits, tumours: ImageSet, tmp_path: Path, write: Callable[..., PoolConfig]
) -> None:
    pool = build_pool(write(tumours, tmp_path), splits, REAL, seed=0)

    assert pool.candidates.counts == {"normal": 0, "tumour": NUM}
    assert pool.absent == ("normal",)
    assert sorted(pool.candidates.value_digests) == sorted(tumours.value_digests)


def test_a_class_without_a_candidate_is_told(splits: Splits, tumours: ImageSet) -> None:
    report = describe_inputs(splits, Pool(tumours, "elsewhere"))

    assert "pool: no candidate of class 'normal'" in [finding.text for finding in report.findings]


def test_a_written_pool_of_one_class_is_the_same_when_read(
    tumours: ImageSet, tmp_path: Path
) -> None:
    write_pool(Pool(tumours, "elsewhere"), tmp_path / "pool.parquet")

    assert read_pool(tmp_path / "pool.parquet").digest == tumours.digest


def test_what_is_a_pool_need_not_be_real_images(
    splits: Splits, tumours: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path / "cache"))
    config = in_folder(tumours, tmp_path)
    build_pool(config, splits, REAL, seed=0)  # now it is in the cache

    with pytest.raises(InputError, match="at least two class folders are needed; there is tumour"):
        read_parts(FolderSource(path=str(tmp_path / "made")), None, skip_bad=False)


def test_an_empty_folder_of_a_class_that_training_lacks_is_told(
    splits: Splits, tumours: ImageSet, tmp_path: Path
) -> None:
    config = in_folder(tumours, tmp_path)
    (tmp_path / "made" / "tumor").mkdir()

    pool = build_pool(config, splits, REAL, seed=0)

    assert "ignored 'tumor', a class that training lacks, with no candidate" in pool.notes


def test_a_folder_of_empty_class_folders_is_refused(splits: Splits, tmp_path: Path) -> None:
    for name in splits.class_names:
        (tmp_path / name).mkdir()

    with pytest.raises(InputError, match=r"no .png, .* file is in this class folder"):
        build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0)


def test_a_pool_of_which_nothing_is_left_is_refused(tumours: ImageSet) -> None:
    nothing = Pool(tumours, "elsewhere").take(np.zeros(NUM, dtype=bool))

    with pytest.raises(InputError, match=r"\(elsewhere\) has no candidate left to choose from"):
        require_enough(nothing)
