"""From a config to train, reward-val, selection-val, test and what training left over."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from small_sources import random_images, write_folder, write_npz, write_parquet

from rlsel.data import (
    DataConfig,
    FolderSource,
    NpzSource,
    ParquetSource,
    PhantomSource,
    Ratios,
    Splits,
    load_splits,
)
from rlsel.data.decoding.resize import resize_set
from rlsel.errors import InputError

PHANTOM = PhantomSource(num_train=24, num_val=16, num_test=20, size_px=16)


@pytest.fixture
def folder(tmp_path: Path) -> FolderSource:
    """60 + 40 images of 20 patients."""
    root = write_folder(tmp_path / "images", {"normal": 60, "tumour": 40}, patients=20)
    return FolderSource(path=str(root), patient_from="folder")


def patients_of(splits: Splits) -> dict[str, set[str]]:
    owners = {name: images.patients for name, images in splits.named().items()}
    return {name: set(value.tolist()) for name, value in owners.items() if value is not None}


def test_no_patient_is_in_two_splits(folder: FolderSource) -> None:
    owners = list(patients_of(load_splits(DataConfig(source=folder), seed=0)).values())

    assert len(owners) == 4
    assert sum(map(len, owners)) == len(set.union(*owners)) == 20


def test_ratios_are_kept_for_every_class(folder: FolderSource) -> None:
    ratios = Ratios(train=0.5, val=0.2, test=0.3)

    splits = load_splits(DataConfig(source=folder, ratios=ratios), seed=0)

    assert splits.train.counts == {"normal": 30, "tumour": 20}
    assert splits.test.counts == {"normal": 18, "tumour": 12}


def test_the_same_seed_gives_the_same_splits(folder: FolderSource) -> None:
    config = DataConfig(source=folder, num_train=30)

    once, again = (load_splits(config, seed=3) for _ in range(2))

    assert [s.digest for s in once.named().values()] == [s.digest for s in again.named().values()]


def test_another_seed_gives_other_splits(folder: FolderSource) -> None:
    config = DataConfig(source=folder, num_train=30)

    assert load_splits(config, seed=3).train.digest != load_splits(config, seed=4).train.digest


def test_what_train_does_not_use_is_held_back(folder: FolderSource) -> None:
    everything = load_splits(DataConfig(source=folder), seed=0)
    splits = load_splits(DataConfig(source=folder, num_train=30), seed=0)

    assert everything.held_back is None
    assert splits.held_back is not None
    assert len(splits.train) == 30
    assert sorted([*splits.train.ids, *splits.held_back.ids]) == sorted(everything.train.ids)


def test_drawing_fewer_test_images_changes_no_other_split(folder: FolderSource) -> None:
    all_of_it = load_splits(DataConfig(source=folder, num_train=30), seed=0)
    fewer = load_splits(DataConfig(source=folder, num_train=30, num_test=10), seed=0)

    assert len(fewer.test) == 10
    assert fewer.train.digest == all_of_it.train.digest
    assert fewer.reward_val.digest == all_of_it.reward_val.digest


def test_validation_is_cut_in_two_with_the_same_class_proportions(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], [30, 10])
    images = random_images(40)
    file = write_npz(tmp_path / "a.npz", val_images=images, val_labels=labels)

    splits = load_splits(DataConfig(source=NpzSource(path=str(file))), seed=0)

    assert splits.reward_val.counts == splits.selection_val.counts == {"0": 15, "1": 5}


def test_the_fraction_of_validation_that_the_reward_sees_can_be_set(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", num=20)
    config = DataConfig(source=NpzSource(path=str(file)), reward_val_fraction=0.8)

    splits = load_splits(config, seed=0)

    assert (len(splits.reward_val), len(splits.selection_val)) == (16, 4)


def test_without_validation_in_the_source_it_is_cut_from_train(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_folder(tmp_path / split, {"a": 16, "b": 16})

    splits = load_splits(DataConfig(source=FolderSource(path=str(tmp_path))), seed=0)

    assert len(splits.train) == 28
    assert len(splits.reward_val) + len(splits.selection_val) == 4
    assert splits.notes == ("val: the source has none, so 12.5% of train was cut off",)


def test_every_split_has_the_size_asked_for(folder: FolderSource) -> None:
    splits = load_splits(DataConfig(source=folder, size_px=(3, 4)), seed=0)

    assert {images.images.shape[1:] for images in splits.named().values()} == {(3, 4, 3)}
    assert splits.train.size == (3, 4)
    assert splits.notes == ("resized 100 images from 7x5 to 3x4, changing proportions",)


def test_splits_of_another_size_follow_training(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", {"a": 9, "b": 9}, size=(4, 4))
    write_folder(tmp_path / "val", {"a": 9, "b": 9}, size=(8, 8))
    write_folder(tmp_path / "test", {"a": 9, "b": 9}, size=(4, 4))

    splits = load_splits(DataConfig(source=FolderSource(path=str(tmp_path))), seed=0)

    assert splits.reward_val.images.shape[1:3] == (4, 4)
    assert splits.notes == ("val: resized 18 images from 8x8 to 4x4",)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_asking_for_more_than_there_are_is_an_input_error(tmp_path: Path, split: str) -> None:
    source = NpzSource(path=str(write_npz(tmp_path / "a.npz")))

    too_many: dict[str, Any] = {f"num_{split}": 11}

    with pytest.raises(InputError, match=f"data.num_{split} is 11, but the split has 10 images"):
        load_splits(DataConfig(source=source, **too_many), seed=0)


def test_a_split_without_one_of_the_classes_is_an_input_error(tmp_path: Path) -> None:
    labels = ["a"] * 30 + ["b"] * 2
    file = write_parquet(tmp_path / "a.parquet", random_images(32), labels)

    with pytest.raises(InputError, match="has none of class 'b': give more images"):
        load_splits(DataConfig(source=ParquetSource(path=str(file))), seed=0)


def test_the_phantom_is_the_default_source() -> None:
    assert isinstance(DataConfig().source, PhantomSource)


def test_the_phantom_needs_no_file() -> None:
    splits = load_splits(DataConfig(source=PHANTOM, num_train=10), seed=0)

    assert len(splits.train) == 10
    assert splits.held_back is not None
    assert len(splits.held_back) == 14
    assert len(splits.reward_val) == len(splits.selection_val) == 8


def test_a_size_beside_the_phantom_is_refused_with_the_right_key() -> None:
    with pytest.raises(ValidationError, match=r"set source.size_px, not size_px"):
        DataConfig(size_px=32)


def test_a_config_may_come_from_json_with_lists_for_tuples() -> None:
    text = (
        '{"source": {"name": "npz", "path": "x", "class_names": ["a", "b"]}, "size_px": [64, 32]}'
    )

    config = TypeAdapter(DataConfig).validate_json(text)

    assert config == DataConfig(
        source=NpzSource(path="x", class_names=("a", "b")), size_px=(64, 32)
    )


def test_splits_of_different_sizes_are_refused() -> None:
    splits = load_splits(DataConfig(source=PHANTOM), seed=0)
    smaller = resize_set(splits.test, (8, 8))

    with pytest.raises(ValueError, match="test has"):
        replace(splits, test=smaller)


def test_ratios_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"ratios sum to 1.2, not to 1"):
        Ratios(train=0.8, val=0.2, test=0.2)


def test_the_pcam_subset_has_the_counts_of_its_readme(pcam_dir: Path) -> None:
    source = ParquetSource(path=str(pcam_dir / "test-*.parquet"))

    splits = load_splits(DataConfig(source=source, size_px=32, num_test=100), seed=0)

    parts = (splits.train, splits.reward_val, splits.selection_val)
    tumour = [images.counts["tumour"] for images in parts]
    assert sum(tumour) == pytest.approx(0.8 * 740, abs=2)
    assert splits.notes == ("resized 1,473 images from 96x96 to 32x32",)
