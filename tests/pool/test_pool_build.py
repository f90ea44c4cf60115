"""Candidates of any origin fit the real images, and none of them is a real image."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlsel.data import DataConfig, FolderSource, ImageSet, PhantomSource, Splits, load_splits
from rlsel.errors import InputError
from rlsel.pool import (
    FolderPool,
    NpzPool,
    ParquetPool,
    PhantomPool,
    PlantedPool,
    Pool,
    build_pool,
    write_pool,
)
from rlsel.pool.pool import short_digests

REAL = DataConfig(source=FolderSource(path="not read here"))
PLANTED = PlantedPool(num_candidates=64)


def write_class_folders(root: Path, images: ImageSet) -> None:
    for index, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        folder = root / images.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")


@pytest.fixture
def candidates(image_set) -> ImageSet:
    return image_set({"normal": 8, "tumour": 9}, seed=9)


def test_the_same_seed_builds_the_same_pool(splits: Splits) -> None:
    once, again = (build_pool(PLANTED, splits, REAL, seed=5) for _ in range(2))

    assert once.digest == again.digest
    assert build_pool(PLANTED, splits, REAL, seed=6).digest != once.digest


def test_a_folder_becomes_a_pool(splits: Splits, candidates: ImageSet, tmp_path: Path) -> None:
    write_class_folders(tmp_path, candidates)

    pool = build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0)

    assert pool.candidates.counts == {"normal": 8, "tumour": 9}
    assert pool.kinds is None
    assert pool.useful is None
    assert pool.source == f"folder {tmp_path}"


def test_a_written_pool_is_built_again_from_its_file(splits: Splits, tmp_path: Path) -> None:
    pool = build_pool(PLANTED, splits, REAL, seed=0)
    write_pool(pool, tmp_path / "pool.parquet")

    again = build_pool(ParquetPool(path=str(tmp_path / "pool.parquet")), splits, REAL, seed=1)

    assert again.digest == pool.digest
    assert np.array_equal(np.asarray(again.useful), np.asarray(pool.useful))
    assert again.source == pool.source


def test_an_npz_file_needs_class_names_to_match(
    splits: Splits, candidates: ImageSet, tmp_path: Path
) -> None:
    file = tmp_path / "pool.npz"
    np.savez(file, images=candidates.images, labels=candidates.labels)

    named = NpzPool(path=str(file), class_names=("normal", "tumour"))

    assert len(build_pool(named, splits, REAL, seed=0)) == 17
    with pytest.raises(InputError, match=r"class '0', '1', which training lacks.*set class_names"):
        build_pool(NpzPool(path=str(file)), splits, REAL, seed=0)


def test_an_npz_file_with_splits_is_no_pool(splits: Splits, tmp_path: Path) -> None:
    arrays = {f"{split}_images": np.zeros((4, 7, 5, 3), np.uint8) for split in ("train", "test")}
    labels = {f"{split}_labels": np.array([0, 1, 0, 1]) for split in ("train", "test")}
    np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays, **labels)

    with pytest.raises(InputError, match="holds train, test, but one set is needed here"):
        build_pool(NpzPool(path=str(tmp_path / "a.npz")), splits, REAL, seed=0)


def test_candidates_are_resized_to_the_real_images(
    splits: Splits, image_set, tmp_path: Path
) -> None:
    write_class_folders(tmp_path, image_set({"normal": 8, "tumour": 8}, size=(14, 10)))

    pool = build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0)

    assert pool.candidates.images.shape == (16, 7, 5, 3)
    assert pool.notes == ("resized 16 images from 14x10 to 7x5",)


@pytest.mark.parametrize("split", ["train", "reward_val", "selection_val", "test"])
def test_a_candidate_with_the_pixels_of_a_real_image_is_dropped_and_noted(
    splits: Splits, candidates: ImageSet, tmp_path: Path, split: str
) -> None:
    images = candidates.images.copy()
    images[16] = splits.named()[split].images[3]
    write_pool(Pool(replace(candidates, images=images), "elsewhere"), tmp_path / "p.parquet")

    pool = build_pool(ParquetPool(path=str(tmp_path / "p.parquet")), splits, REAL, seed=0)

    assert pool.candidates.ids.tolist() == candidates.ids[:16].tolist()
    assert pool.notes == (
        "dropped 1 candidate with the pixels of a training, validation or test image",
    )


@pytest.mark.parametrize("split", ["reward_val", "selection_val", "test"])
def test_a_pool_whose_generator_saw_what_is_tested_on_is_refused(
    splits: Splits, candidates: ImageSet, tmp_path: Path, split: str
) -> None:
    # As where splits are drawn by the seed, and the generator was trained under another one.
    seen = short_digests(splits.named()[split])[:3]
    own = short_digests(splits.train)
    path = tmp_path / "p.parquet"

    write_pool(Pool(candidates, "histogan", trained_on=np.concatenate((seen, own))), path)

    with pytest.raises(InputError, match=rf"was trained on 3 of the \d+ images of {split}, so"):
        build_pool(ParquetPool(path=str(path)), splits, REAL, seed=0)


def test_an_image_that_is_in_train_and_test_is_no_fault_of_the_pool(
    splits: Splits, candidates: ImageSet, tmp_path: Path
) -> None:
    images = splits.test.images.copy()
    images[2] = splits.train.images[5]
    both = replace(splits, test=replace(splits.test, images=images))
    path = tmp_path / "p.parquet"

    write_pool(Pool(candidates, "histogan", trained_on=short_digests(splits.train)), path)

    assert len(build_pool(ParquetPool(path=str(path)), both, REAL, seed=0)) == len(candidates)


def test_held_back_repeats_of_real_images_do_not_unbalance_a_planted_pool(splits: Splits) -> None:
    assert splits.held_back is not None
    images = splits.held_back.images.copy()
    images[:5] = splits.test.images[:5]
    repeated = replace(splits, held_back=replace(splits.held_back, images=images))

    pool = build_pool(PLANTED, repeated, REAL, seed=0)

    assert pool.kind_counts == {"right_label": 32, "wrong_label": 32}
    assert pool.notes[0].startswith("dropped 5 held-back images")


def test_repeats_inside_the_pool_are_kept_and_noted(
    splits: Splits, candidates: ImageSet, tmp_path: Path
) -> None:
    images = candidates.images.copy()
    images[1] = images[2] = images[0]
    write_pool(Pool(replace(candidates, images=images), "elsewhere"), tmp_path / "p.parquet")

    pool = build_pool(ParquetPool(path=str(tmp_path / "p.parquet")), splits, REAL, seed=0)

    assert len(pool) == 17
    assert pool.notes == ("2 candidates with the pixels of another candidate; kept",)


def test_fewer_than_eight_candidates_of_a_class_is_an_input_error(
    splits: Splits, image_set, tmp_path: Path
) -> None:
    write_class_folders(tmp_path, image_set({"normal": 8, "tumour": 7}, seed=9))

    with pytest.raises(InputError, match="has 7 candidates of class 'tumour'; at least 8"):
        build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0)


def test_a_class_that_training_lacks_is_named_with_the_known_ones(
    splits: Splits, image_set, tmp_path: Path
) -> None:
    write_class_folders(tmp_path, image_set({"normal": 8, "tumor": 8}, seed=9))

    with pytest.raises(InputError, match="class 'tumor', which training lacks; known are normal"):
        build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0)


def test_classes_in_another_order_are_matched_by_name(
    splits: Splits, image_set, tmp_path: Path
) -> None:
    swapped = image_set({"tumour": 8, "normal": 9}, seed=9)
    write_pool(Pool(swapped, "elsewhere"), tmp_path / "p.parquet")

    pool = build_pool(ParquetPool(path=str(tmp_path / "p.parquet")), splits, REAL, seed=0)

    assert pool.candidates.class_names == ("normal", "tumour")
    assert pool.candidates.labels.tolist() == [1] * 8 + [0] * 9


def test_the_phantom_draws_its_own_pool() -> None:
    source = PhantomSource(num_train=24, num_val=16, num_test=8, size_px=16)
    config = DataConfig(source=source)

    pool = build_pool(PhantomPool(num_candidates=40), load_splits(config, 0), config, seed=0)

    assert len(pool) == 40
    assert pool.kinds is not None
    assert pool.source == "tissue phantom"


def test_a_phantom_pool_for_other_data_is_refused_with_the_choices(splits: Splits) -> None:
    with pytest.raises(InputError, match=r"phantom; for folder take planted"):
        build_pool(PhantomPool(), splits, REAL, seed=0)


def test_candidates_may_be_of_stylegans_layout(tmp_path: Path, splits: Splits) -> None:
    (tmp_path / "00000").mkdir()
    entries = []
    for index, image in enumerate(np.random.default_rng(7).integers(0, 256, (16, 7, 5, 3), "u1")):
        name = f"00000/img{index:08d}.png"
        Image.fromarray(image).save(tmp_path / name)
        entries.append([name, index % 2])
    content = {"labels": entries, "class_names": ["tumour", "normal"]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))

    candidates = build_pool(FolderPool(path=str(tmp_path)), splits, REAL, seed=0).candidates

    assert candidates.class_names == ("normal", "tumour")
    assert candidates.labels.tolist() == [1, 0] * 8
