"""Parquet in the Hugging Face image convention: class names, globs, and what may be wrong in it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_sources import encoded, random_images, write_parquet

from rlsel.data.read import read_parts, read_whole
from rlsel.data.sources import WHOLE, ParquetSource, find_parts
from rlsel.errors import InputError

IMAGES = random_images(4)


def read(path: Path, **settings):
    return read_whole(ParquetSource(path=str(path), **settings), None, skip_bad=False)[0]


def test_class_names_come_from_the_hugging_face_metadata(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1], ("normal", "tumour"))

    assert read(file).counts == {"normal": 1, "tumour": 3}


def test_without_metadata_the_classes_are_called_by_their_numbers(tmp_path: Path) -> None:
    assert read(write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1])).class_names == (
        "0",
        "1",
    )


def test_labels_may_be_text(tmp_path: Path) -> None:
    images = read(write_parquet(tmp_path / "a.parquet", IMAGES, ["tumour", "normal"] * 2))

    assert images.class_names == ("normal", "tumour")
    assert images.labels.tolist() == [1, 0, 1, 0]


def test_given_class_names_win(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1], ("x", "y"))

    assert read(file, class_names=("benign", "malignant")).class_names == ("benign", "malignant")


def test_patients_are_read_from_their_column(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1], case=[7, 7, 8, 9])

    patients = read(file, patient_column="case").patients

    assert patients is not None
    assert patients.tolist() == ["7", "7", "8", "9"]


def test_a_glob_takes_all_files_in_order(tmp_path: Path) -> None:
    for shard in range(3):
        write_parquet(tmp_path / f"p-{shard}.parquet", IMAGES[shard : shard + 2], [0, 1])

    images = read(tmp_path / "p-*.parquet")

    assert images.ids.tolist() == [f"p-{shard}:{row}" for shard in range(3) for row in range(2)]
    assert np.array_equal(images.images[[0, 2, 4]], IMAGES[:3])


def test_a_folder_with_hugging_face_file_names_gives_its_splits(tmp_path: Path) -> None:
    for split in ("train-00000-of-00002", "train-00001-of-00002", "validation-0", "test-0"):
        write_parquet(tmp_path / f"{split}.parquet", IMAGES, [0, 1, 0, 1])

    parts, _ = read_parts(ParquetSource(path=str(tmp_path)), None, skip_bad=False)

    assert {split: len(images) for split, images in parts.items()} == {
        "train": 8,
        "val": 4,
        "test": 4,
    }


def test_a_folder_with_other_file_names_is_one_set(tmp_path: Path) -> None:
    write_parquet(tmp_path / "slides.parquet", IMAGES, [0, 1, 0, 1])
    write_parquet(tmp_path / "latest-0.parquet", IMAGES, [0, 1, 0, 1])

    assert list(find_parts(ParquetSource(path=str(tmp_path)))) == [WHOLE]


def test_an_image_may_be_plain_bytes(tmp_path: Path) -> None:
    cells = [encoded(image) for image in IMAGES]
    pq.write_table(pa.table({"image": cells, "label": [0, 1, 0, 1]}), tmp_path / "a.parquet")

    assert np.array_equal(read(tmp_path / "a.parquet").images, IMAGES)


@pytest.mark.parametrize("column", ["image", "label"])
def test_a_missing_column_is_named_with_the_columns_there_are(tmp_path: Path, column: str) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 0, 1])
    pq.write_table(pq.read_table(file).rename_columns({column: "other"}), file)

    with pytest.raises(InputError, match=f"no column '{column}'; the columns are .*other"):
        read(file)


def test_a_label_outside_the_class_names_is_named_with_its_row(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 2, 1], ("normal", "tumour"))

    with pytest.raises(InputError, match=r"row 2: label 2 is outside .* 0 normal, 1 tumour"):
        read(file)


def test_an_empty_label_is_named_with_its_row(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 0, None])

    with pytest.raises(InputError, match="row 3: column 'label' is empty"):
        read(file)


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 0, 1], ("a", "b", "c"))

    with pytest.raises(InputError, match="no image of class 'c'"):
        read_parts(ParquetSource(path=str(file)), None, skip_bad=False)


def test_an_image_cell_without_bytes_is_named_with_its_row(tmp_path: Path) -> None:
    cells = [{"bytes": encoded(IMAGES[0]), "path": None}, {"bytes": None, "path": None}]
    pq.write_table(pa.table({"image": cells, "label": [0, 1]}), tmp_path / "a.parquet")

    with pytest.raises(InputError, match=r"a.parquet, row 1: cannot be read \(there are no"):
        read(tmp_path / "a.parquet")


def test_files_that_name_their_classes_differently_are_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 0, 1], ("normal", "tumour"))
    write_parquet(tmp_path / "b.parquet", IMAGES, [0, 1, 0, 1], ("tumour", "normal"))

    with pytest.raises(InputError, match=r"b.parquet: calls the classes \('tumour', 'normal'\)"):
        read(tmp_path / "*.parquet")


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no parquet")

    with pytest.raises(InputError, match=r"a.parquet: cannot be read as Parquet"):
        read(tmp_path / "a.parquet")


def test_a_glob_that_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no .parquet file is there"):
        read(tmp_path / "*.parquet")


def test_labels_may_be_views_of_text(tmp_path: Path) -> None:
    labels = pa.array(["b", "a", "b", "b"], pa.string_view())

    assert read(write_parquet(tmp_path / "a.parquet", IMAGES, labels)).counts == {"a": 1, "b": 3}


@pytest.mark.parametrize("names", [5, None, {}, "ab"])
def test_class_names_that_are_no_list_are_as_none(names: object, tmp_path: Path) -> None:
    table = pq.read_table(write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1]))
    features = {"label": {"names": names}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")

    assert read(tmp_path / "a.parquet").class_names == ("0", "1")


@pytest.mark.parametrize("name", ["image", "label"])
def test_a_column_that_is_there_twice_is_named(name: str, tmp_path: Path) -> None:
    table = pq.read_table(write_parquet(tmp_path / "a.parquet", IMAGES, [0, 1, 1, 1]))
    pq.write_table(table.append_column(name, table[name]), tmp_path / "a.parquet")

    with pytest.raises(InputError, match=f"there are two columns '{name}'"):
        read(tmp_path / "a.parquet")
