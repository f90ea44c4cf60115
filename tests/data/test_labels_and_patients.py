"""Labels that are codes, and patients that are written in several ways or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sources import random_images, write_folder, write_npz, write_parquet

from rlsel.data import DataConfig, FolderSource, NpzSource, ParquetSource, load_splits
from rlsel.data.image_set import ImageSet
from rlsel.data.read import read_parts, read_whole
from rlsel.data.sources.labels import class_indices, patient_names
from rlsel.errors import InputError

CODES = [254837009, 254838004]
NUM = 12


def where(index: int) -> str:
    return f"row {index}"


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_codes_are_classes_called_by_them(tmp_path: Path, kind: str) -> None:
    labels = CODES * 3
    if kind == "npz":
        np.savez(tmp_path / "a.npz", images=random_images(6), labels=np.array(labels))
        source = NpzSource(path=str(tmp_path / "a.npz"))
    else:
        source = ParquetSource(
            path=str(write_parquet(tmp_path / "a.parquet", random_images(6), labels))
        )

    images, _ = read_whole(source, None, skip_bad=False)

    assert images.counts == {"254837009": 3, "254838004": 3}
    assert images.labels.tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([1, 2, 2]), ("1", "2")),
        (np.array([10, 9, 10]), ("9", "10")),
        (np.array([1.0, 0.0, 1.0], np.float32), ("0", "1")),
        (np.array([True, False, True]), ("0", "1")),
        (np.array([2**62, 1, 1], np.uint64), ("1", str(2**62))),
        (np.array([b"b\xe9", b"a", b"a"]), ("a", "b\\xe9")),
    ],
)
def test_the_classes_are_the_labels_that_occur(labels: np.ndarray, names: tuple[str, ...]) -> None:
    assert class_indices(labels, None, where)[1] == names


@pytest.mark.parametrize(
    "labels",
    [
        *(np.array([1, 0, value]) for value in (1e300, np.inf, 0.5, -1)),
        np.array([0, 1, 2**64 - 1], np.uint64),
    ],
)
def test_labels_that_are_no_class_numbers_are_named(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"row 2: label .* is (not a class number|outside)"):
        class_indices(labels, None, where)


@pytest.mark.parametrize("labels", [np.zeros(2, complex), np.zeros(2, "M8[s]")])
def test_labels_of_an_odd_type_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"row 0: labels are of type .*, not numbers or names"):
        class_indices(labels, None, where)


def patients_of(file: Path, **patients: Any) -> tuple[dict[str, ImageSet], tuple[str, ...]]:
    arrays = {f"{split}_patients": np.array(ids) for split, ids in patients.items()}
    source = NpzSource(path=str(write_npz(file, NUM, **arrays)))
    return read_parts(source, None, skip_bad=False)


def names(images: ImageSet) -> set[str]:
    assert images.patients is not None
    return set(images.patients.tolist())


@pytest.mark.parametrize(
    ("class_names", "said"),
    [(("x", "x"), "2 classes are called 'x'"), (("x", " "), "a class name is empty")],
)
@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array(["x", "x"])])
def test_class_names_that_tell_no_classes_apart_are_refused(
    class_names: tuple[str, ...], said: str, labels: np.ndarray
) -> None:
    with pytest.raises(InputError, match=said):
        class_indices(labels, class_names, where)


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_label_is_named(blank: str) -> None:
    with pytest.raises(InputError, match="row 1: the label is empty"):
        class_indices(np.array(["x", blank]), None, where)


def test_a_patient_as_integer_and_as_float_is_one(tmp_path: Path) -> None:
    ids = np.arange(NUM) // 3

    parts, notes = patients_of(tmp_path / "a.npz", train=ids, val=ids.astype(float), test=ids + 10)

    assert names(parts["train"]) == names(parts["val"]) == {"0", "1", "2", "3"}
    assert not any("patient" in note for note in notes)


@pytest.mark.parametrize("other", ["007", " 7", "7.0", "7 ", "+7", "７"])
def test_a_patient_in_several_writings_is_one_and_noted(tmp_path: Path, other: str) -> None:
    parts, notes = patients_of(tmp_path / "a.npz", train=[7] * NUM, val=[other] * NUM)

    assert names(parts["train"]) == names(parts["val"]) == {"7"}
    assert "1 patient written in several ways, such as" in notes[-1]


@pytest.mark.parametrize("other", ["P07", "7a", "70", "-7"])
def test_other_ids_are_other_patients(tmp_path: Path, other: str) -> None:
    parts, _ = patients_of(tmp_path / "a.npz", train=["7"] * NUM, val=[other] * NUM)

    assert names(parts["val"]) == {other}


def test_an_id_that_is_written_one_way_stays_as_it_is(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 6, "b": 6}, patients=3)
    source = FolderSource(path=str(tmp_path), patient_from=r"P(\d+)")

    assert names(read_whole(source, None, skip_bad=False)[0]) == {"00", "01", "02"}


def test_upper_and_lower_case_is_no_difference(tmp_path: Path) -> None:
    parts, _ = patients_of(tmp_path / "a.npz", train=["P07"] * NUM, test=["p07"] * NUM)

    assert names(parts["train"]) == names(parts["test"])


@pytest.mark.parametrize("blank", ["", "  ", "nan", "None", np.nan])
def test_an_image_whose_patient_is_blank_is_named(blank: Any) -> None:
    ids = np.array([1.0, blank]) if isinstance(blank, float) else np.array(["1", blank])

    with pytest.raises(InputError, match="row 1: no patient is named there"):
        patient_names(ids, where)


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        ("P{p:02d}_{i}.png", "prefix"),
        ("{p}_idx5_x{i}_y7_class0.png", "prefix"),
        ("P{p}/{i}.png", "folder"),
        ("patient{p:03d}/study1/{i}.png", r"'(?i)((?:patient|pat|case|subject|sub|person|slide)"),
        ("TCGA-A{p}-77{p}0-{i}.png", "'(TCGA-[0-9A-Z]{2}-[0-9A-Z]{4})'"),
        ("CNV-10{p}-{i}.png", r"'([^/]*-\d+)-\d+\.\w+$'"),
    ],
)
def test_patients_in_file_names_are_recognised_and_the_setting_shown(
    tmp_path: Path, files: str, setting: str
) -> None:
    root = tmp_path / "data"
    write_named(root, [files.format(p=i // 4, i=i) for i in range(28)])

    (caution,) = load_splits(DataConfig(source=FolderSource(path=str(root))), seed=0).cautions

    assert f"if so, set data.source.patient_from: {setting}" in caution
    assert "of 7 are in more than one" in caution
    chosen = caution.split("patient_from: ")[1].strip("'")
    told = FolderSource(path=str(root), patient_from=chosen)
    assert len(names(read_whole(told, None, skip_bad=False)[0])) == 7


@pytest.mark.parametrize(
    "files", ["{i}.png", "img_{i}.png", "a{i}_x.png", "{p}0X/{i}.png", "ISIC_00{i}.png"]
)
def test_names_that_tell_no_patient_are_left_alone(tmp_path: Path, files: str) -> None:
    root = tmp_path / "data"
    write_named(root, [files.format(p=i // 7, i=i) for i in range(28)])

    assert load_splits(DataConfig(source=FolderSource(path=str(root))), seed=0).cautions == ()


def test_in_given_splits_the_shared_patients_are_counted(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_named(tmp_path / "data" / split, [f"P0{i // 2}_{i}.png" for i in range(12)])
    source = FolderSource(path=str(tmp_path / "data"))

    (caution,) = load_splits(DataConfig(source=source), seed=0).cautions

    assert "6 of 6 are in more than one" in caution


def test_classes_that_may_be_patients_are_pointed_out(tmp_path: Path) -> None:
    for patient in range(5):
        write_folder(tmp_path / "data" / f"88{patient}", {"0": 12, "1": 12})
    source = FolderSource(path=str(tmp_path / "data"))

    (caution,) = load_splits(DataConfig(source=source), seed=0).cautions

    assert "the classes may be patients: each of 880, 881, 882, ... holds 0, 1" in caution
    assert "(0/880/...), with data.source.patient_from: folder" in caution


def test_a_column_that_sounds_of_patients_is_pointed_out(tmp_path: Path) -> None:
    columns = {"age": [50] * 80, "Patient_ID": list(range(80))}
    file = write_parquet(tmp_path / "a.parquet", random_images(80), [0, 1] * 40, **columns)

    (caution,) = load_splits(DataConfig(source=ParquetSource(path=str(file))), seed=0).cautions

    assert caution.endswith("set data.source.patient_column: Patient_ID")


def write_named(root: Path, files: list[str]) -> None:
    """Two classes with files of these names."""
    made = write_folder(root.parents[1] / f"made-{root.name}", {"a": len(files), "b": len(files)})
    for name in ("a", "b"):
        for source, file in zip(sorted((made / name).iterdir()), files, strict=True):
            target = root / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
