"""Splits that somebody made stay as they are, however folders, files and columns speak of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_sources import random_images, write_folder, write_npz, write_parquet

from rlsel.data import DataConfig, FolderSource, NpzSource, ParquetSource, load_splits
from rlsel.data.read import read_parts, read_whole
from rlsel.data.sources import WHOLE, find_parts
from rlsel.data.sources.split_names import split_called, split_within
from rlsel.errors import InputError

LABELS = [0, 1] * 8


def write(file: Path, seed: int, **columns: list) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_parquet(file, random_images(16, seed=seed), LABELS, **columns)


def sizes(source: FolderSource | ParquetSource | NpzSource) -> dict[str, int]:
    parts, _ = read_parts(source, None, skip_bad=False)
    return {split: len(images) for split, images in parts.items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(
            ("Train", "train"),
            ("training", "train"),
            ("train_images", "train"),
            ("01-train", "train"),
        ),
        *(("VALID", "val"), ("validation", "val"), ("dev", "val"), ("valset", "val")),
        *(("split=test", "test"), ("testing", "test"), ("eval", "test"), ("val2017", "val")),
        *(("test strip", None), ("latest", None), ("tumour", None), ("train_val", None)),
    ],
)
def test_the_name_of_a_folder_says_its_split(name: str, split: str | None) -> None:
    assert split_called(name) == split


@pytest.mark.parametrize(
    ("name", "split"),
    [("pcam-train-00000-of-00002", "train"), ("latest-0", None), ("train-test-mix", None)],
)
def test_the_name_of_a_file_may_say_more_than_its_split(name: str, split: str | None) -> None:
    assert split_within(name) == split


@pytest.mark.parametrize("names", [("train", "val"), ("Training", "VALID"), ("train_set", "dev")])
def test_train_and_val_without_test_are_splits_and_no_classes(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for seed, name in enumerate(names):
        write_folder(tmp_path / name, {"normal": 20 + seed, "tumour": 20 + seed})

    splits = load_splits(DataConfig(source=FolderSource(path=str(tmp_path))), seed=0)

    assert splits.class_names == ("normal", "tumour")
    assert len(splits.reward_val) + len(splits.selection_val) == 42
    assert len(splits.train) + len(splits.test) == 40
    assert splits.notes == ("test: the source has none, so 22.2% of train was cut off",)


def test_npz_without_test_has_it_cut_from_train(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", 20, test_images=None, test_labels=None)

    splits = load_splits(DataConfig(source=NpzSource(path=str(file))), seed=0)

    assert (len(splits.train), len(splits.test)) == (16, 4)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("train", "normal"), "there is only train, but train and test"),
        (("val", "test"), "there is only test, val, but train"),
        (("train", "training", "test"), "train, training are splits, and two of them the same"),
        (("test", "control"), "there is only test, but train"),
    ],
)
def test_folders_that_are_splits_and_classes_at_once_are_refused(
    tmp_path: Path, names: tuple[str, ...], problem: str
) -> None:
    for name in names:
        write_folder(tmp_path / name, {"a": 2, "b": 2})

    with pytest.raises(InputError, match=f"{problem}.*name the splits one by one"):
        find_parts(FolderSource(path=str(tmp_path)))


def test_splits_inside_of_the_class_folders_are_refused_with_the_right_order(
    tmp_path: Path,
) -> None:
    for name in ("normal", "tumour"):
        write_folder(tmp_path / name, {"train": 2, "test": 2})

    with pytest.raises(InputError, match=r"normal: holds the splits test, train; .* test/normal"):
        find_parts(FolderSource(path=str(tmp_path)))


def test_splits_inside_of_a_split_are_refused(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write_folder(tmp_path / name / "train", {"a": 2, "b": 2})
        write_folder(tmp_path / name / "val", {"a": 2, "b": 2})

    with pytest.raises(
        InputError, match="among the class folders there is train, val, called as a split"
    ):
        find_parts(FolderSource(path=str(tmp_path)))


def test_a_folder_one_level_too_high_is_told_the_right_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "unpacked", {"a": 2, "b": 2})

    with pytest.raises(InputError, match=r"lie in .*unpacked, set path to that"):
        read_parts(FolderSource(path=str(tmp_path)), None, skip_bad=False)


def test_folders_beside_the_splits_are_named_as_unread(tmp_path: Path) -> None:
    for name in ("train", "test", "unlabelled"):
        write_folder(tmp_path / name, {"a": 2, "b": 2})

    _, notes = read_parts(FolderSource(path=str(tmp_path)), None, skip_bad=False)

    assert notes == ("train: did not read unlabelled, beside the splits test, train",)


@pytest.mark.parametrize(
    "layout",
    [
        "default/{}/0000.parquet",
        "split={}/part-0.parquet",
        "{}.parquet/part-0.snappy.parquet",
        "pcam_{}_00.parquet",
    ],
)
def test_parquet_files_are_of_the_split_that_their_path_says(tmp_path: Path, layout: str) -> None:
    for seed, split in enumerate(("train", "validation", "test")):
        write(tmp_path / "ds" / layout.format(split), seed)
    (tmp_path / "ds" / "_SUCCESS").touch()

    assert sizes(ParquetSource(path=str(tmp_path / "ds"))) == {"train": 16, "val": 16, "test": 16}
    assert len(sizes(ParquetSource(path=str(tmp_path / "ds" / "**" / "*.parquet")))) == 3


def test_a_split_column_gives_the_splits(tmp_path: Path) -> None:
    split = ["Train"] * 10 + ["valid"] * 2 + ["test"] * 4
    file = write(tmp_path / "a.parquet", 0, split=split)

    parts, _ = read_parts(ParquetSource(path=str(file)), None, skip_bad=False)

    assert {name: len(images) for name, images in parts.items()} == {
        "train": 10,
        "val": 2,
        "test": 4,
    }
    assert parts["val"].ids.tolist() == ["val/a:10", "val/a:11"]
    assert np.array_equal(parts["test"].images, random_images(16)[12:])
    assert parts["test"].labels.tolist() == LABELS[12:]


def test_one_file_by_its_column_and_as_a_whole_are_two_entries_of_the_cache(
    tmp_path: Path,
) -> None:
    file = write(tmp_path / "a.parquet", 0, split=["train"] * 10 + ["test"] * 6)

    assert sizes(ParquetSource(path=str(file))) == {"train": 10, "test": 6}
    assert sizes(ParquetSource(train=str(file), test=str(file))) == {"train": 16, "test": 16}


def test_a_split_column_with_another_word_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0, split=["train"] * 8 + ["fold 3"] * 8)

    with pytest.raises(InputError, match="'fold 3' beside 'train'; only train, val and test"):
        find_parts(ParquetSource(path=str(file)))


def test_a_split_column_that_contradicts_the_path_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train" / "0.parquet", 0, split=["test"] * 16)
    write(tmp_path / "test" / "0.parquet", 1)

    with pytest.raises(InputError, match="is of train by its path, but a column says otherwise"):
        find_parts(ParquetSource(path=str(tmp_path)))


def test_a_column_of_another_meaning_is_no_split(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0, set=["north", "south"] * 8)

    assert list(find_parts(ParquetSource(path=str(file)))) == [WHOLE]


def test_a_file_of_no_split_among_others_is_refused(tmp_path: Path) -> None:
    for seed, name in enumerate(("train-0", "test-0", "more")):
        write(tmp_path / f"{name}.parquet", seed)

    with pytest.raises(
        InputError, match=r"more.parquet: is of no split by its name, but .*test-0.parquet is of"
    ):
        find_parts(ParquetSource(path=str(tmp_path)))


def test_one_split_alone_is_one_set_and_noted(tmp_path: Path) -> None:
    for shard in range(2):
        write(tmp_path / f"train-{shard}.parquet", shard)

    images, notes = read_whole(ParquetSource(path=str(tmp_path)), None, skip_bad=False)

    assert len(images) == 32
    assert notes == ("all rows are of the split train; taken as one set",)


def test_a_folder_called_parquet_may_be_given_as_a_file(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet" / "part-0.parquet", 0)
    write(tmp_path / "test.parquet" / "part-0.parquet", 1)

    given = ParquetSource(
        train=str(tmp_path / "train.parquet"), test=str(tmp_path / "test.parquet")
    )

    assert sizes(given) == {"train": 16, "test": 16}


def test_what_spark_has_not_finished_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet" / "part-0.parquet", 0)
    write(tmp_path / "a.parquet" / "_temporary" / "part-1.parquet", 1)

    images, notes = read_whole(ParquetSource(path=str(tmp_path)), None, skip_bad=False)

    assert len(images) == 16
    assert "left out 1 file by name" in notes[0]


def test_an_empty_part_file_is_no_trouble(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0)
    pq.write_table(pq.read_table(file).slice(0, 0), tmp_path / "b.parquet")

    assert sizes(ParquetSource(path=str(tmp_path))) == {WHOLE: 16}


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([[0], [1]] * 8),
        pa.array([[0, 1], [1, 0]] * 8, pa.list_(pa.int64(), 2)),
        pa.array([{"id": 0}, {"id": 1}] * 8),
        pa.array([[("a", 1)], [("b", 0)]] * 8, pa.map_(pa.string(), pa.int64())),
        pa.array([b"a", b"b"] * 8),
        pa.array([0, 1] * 8, pa.timestamp("s")),
    ],
    ids=lambda labels: str(labels.type),
)
@pytest.mark.parametrize("column", ["label", "case"])
def test_labels_and_patients_that_are_not_one_value_each_are_refused(
    tmp_path: Path, labels: pa.Array, column: str
) -> None:
    file = write(tmp_path / "a.parquet", 0, case=[str(i) for i in range(16)])
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.schema.get_field_index(column), column, labels), file)

    with pytest.raises(InputError, match=f"column '{column}' is of type .*; one number or name"):
        sizes(ParquetSource(path=str(file), patient_column="case"))


def test_dictionary_columns_are_read_as_their_values(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", 0)
    labels = pa.array(["normal", "tumour"] * 8).dictionary_encode()
    pq.write_table(pq.read_table(file).set_column(1, "label", labels), file)

    images, _ = read_whole(ParquetSource(path=str(file)), None, skip_bad=False)

    assert images.class_names == ("normal", "tumour")
