"""A folder for each class: patients, splits, and every way such a folder can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from small_sources import encoded, random_images, write_folder

from rlsel.data.read import read_parts
from rlsel.data.sources import WHOLE, FolderSource, find_parts
from rlsel.errors import InputError


def read(source: FolderSource, skip_bad: bool = False):
    return read_parts(source, None, skip_bad)


def test_the_name_of_a_folder_is_the_name_of_the_class(tmp_path: Path) -> None:
    write_folder(tmp_path, {"tumour": 3, "normal": 2})

    parts, notes = read(FolderSource(path=str(tmp_path)))

    assert parts[WHOLE].counts == {"normal": 2, "tumour": 3}
    assert parts[WHOLE].ids.tolist()[0] == "normal/000.png"
    assert notes == ()


def test_png_pixels_come_back_unchanged(tmp_path: Path) -> None:
    write_folder(tmp_path, {"normal": 2, "tumour": 2})

    parts, _ = read(FolderSource(path=str(tmp_path)))

    assert np.array_equal(parts[WHOLE].images[:2], random_images(2, seed=0))


@pytest.mark.parametrize("kind", ["jpeg", "jpg", "tif", "tiff", "png", "PNG"])
def test_every_common_suffix_is_read(tmp_path: Path, kind: str) -> None:
    formats = {"jpg": "JPEG", "tif": "TIFF"}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        content = encoded(random_images(1)[0], formats.get(kind, kind.upper()))
        (tmp_path / name / f"1.{kind}").write_bytes(content)

    parts, _ = read(FolderSource(path=str(tmp_path)))

    assert len(parts[WHOLE]) == 2


@pytest.mark.parametrize(
    ("patient_from", "file", "patient"),
    [
        ("folder", "P07/a.png", "P07"),
        ("folder", "P07/slide 2/a.png", "P07"),
        ("prefix", "P07_a_3.png", "P07"),
        ("prefix", "slide 2/P07_a.png", "P07"),
        (r"case-(\d+)", "x/case-12-b.png", "12"),
    ],
)
def test_a_patient_is_found_in_the_path(
    tmp_path: Path, patient_from: str, file: str, patient: str
) -> None:
    for name in ("a", "b"):
        path = tmp_path / name / file
        path.parent.mkdir(parents=True)
        path.write_bytes(encoded(random_images(1)[0]))

    parts, _ = read(FolderSource(path=str(tmp_path), patient_from=patient_from))

    assert np.asarray(parts[WHOLE].patients).tolist() == [patient, patient]


@pytest.mark.parametrize("patient_from", ["prefix", "(P)?", "(x*)"])
def test_a_name_without_a_patient_is_named(patient_from: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 2, "b": 2})

    with pytest.raises(InputError, match=r"a/000.png: patient_from is .* finds no patient in this"):
        read(FolderSource(path=str(tmp_path), patient_from=patient_from))


@pytest.mark.parametrize("size", [(10**13, 10**13), (1, 10**13), (10**30, 1)])
def test_images_that_no_memory_holds_are_refused(size: tuple[int, int], tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 20, "b": 20})

    with pytest.raises(
        InputError, match=r"40 images of .* px take .* GiB, which there is neither in the cache "
    ):
        read_parts(FolderSource(path=str(tmp_path)), size, skip_bad=False)


def test_a_misspelt_patient_rule_is_refused_with_the_choices() -> None:
    with pytest.raises(ValidationError, match="'folders' says no patient; known are none, folder"):
        FolderSource(path="x", patient_from="folders")


def test_folders_called_train_and_test_are_the_splits(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write_folder(tmp_path / split, {"a": 2, "b": 3})

    assert list(find_parts(FolderSource(path=str(tmp_path)))) == ["test", "train", "val"]


def test_ids_are_unique_over_splits_with_the_same_file_names(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_folder(tmp_path / split, {"a": 2, "b": 3})

    parts, _ = read(FolderSource(path=str(tmp_path)))

    assert not set(parts["train"].ids) & set(parts["test"].ids)


def test_a_class_that_only_test_has_is_named_with_the_known_ones(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", {"a": 2, "b": 3})
    write_folder(tmp_path / "test", {"a": 2, "benign": 3})

    with pytest.raises(InputError, match="class 'benign', which training lacks; known are a, b"):
        read(FolderSource(path=str(tmp_path)))


def test_labels_follow_the_class_order_of_training_by_name(tmp_path: Path) -> None:
    write_folder(tmp_path / "train", {"a": 2, "b": 2, "c": 2})
    write_folder(tmp_path / "test", {"b": 1, "c": 2})

    parts, _ = read(FolderSource(path=str(tmp_path)))

    assert parts["test"].counts == {"a": 0, "b": 1, "c": 2}


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"tumour": 3})

    with pytest.raises(InputError, match="at least two class folders are needed; there is tumour"):
        read(FolderSource(path=str(tmp_path)))


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, {"normal": 3, "tumour": 2})
    (tmp_path / "other").mkdir()

    with pytest.raises(InputError, match=r"other: no .png, .jpg, .* file is in this class folder"):
        read(FolderSource(path=str(tmp_path)))


def test_files_that_are_no_images_are_ignored_and_noted(tmp_path: Path) -> None:
    write_folder(tmp_path, {"normal": 3, "tumour": 2})
    (tmp_path / "normal" / "notes.txt").write_text("x")
    (tmp_path / "normal" / ".DS_Store").write_text("x")

    _, notes = read(FolderSource(path=str(tmp_path)))

    assert notes == ("ignored 1 file other than PNG, JPEG and TIFF",)


def test_a_missing_folder_says_which_part_of_the_path_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder .* has no 'nowhere'"):
        read(FolderSource(path=str(tmp_path / "nowhere" / "images")))


def test_an_unset_variable_in_a_path_is_named() -> None:
    with pytest.raises(InputError, match="environment variable RLSEL_NOT_SET is not set"):
        read(FolderSource(path="$RLSEL_NOT_SET/images"))


def test_variables_and_home_in_a_path_are_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "images", {"a": 1, "b": 1})
    monkeypatch.setenv("RLSEL_SHARED", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    for path in ("${RLSEL_SHARED}/images", "~/images"):
        assert len(find_parts(FolderSource(path=path))[WHOLE].files) == 2


@pytest.mark.parametrize("given", [{}, {"path": "x", "train": "y"}, {"train": "x"}, {"val": "x"}])
def test_half_given_splits_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"path|train and test belong together"):
        FolderSource(**given)
