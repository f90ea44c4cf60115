"""StyleGAN's layout: the labels are in dataset.json, and its numbered folders are no classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sources import encoded, random_images

from rlsel.data.read import read_parts, read_whole
from rlsel.data.sources import FolderSource
from rlsel.errors import InputError

NUM = 6


def write(root: Path, labels: Any, **others: Any) -> FolderSource:
    for index, image in enumerate(random_images(NUM)):
        file = root / name(index)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(image))
    (root / "dataset.json").write_text(json.dumps({"labels": labels, **others}))
    return FolderSource(path=str(root))


def name(index: int) -> str:
    return f"{index // 4:05d}/img{index:08d}.png"


LABELS = [[name(index), index % 2] for index in range(NUM)]


def read(source: FolderSource):
    return read_whole(source, None, skip_bad=False)


def test_labels_come_from_dataset_json(tmp_path: Path) -> None:
    images, notes = read(write(tmp_path, LABELS))

    assert images.class_names == ("0", "1")
    assert images.labels.tolist() == [0, 1] * 3
    assert images.ids.tolist()[4] == "00001/img00000004.png"
    assert np.array_equal(images.images, random_images(NUM))
    assert notes == ()


def test_class_names_beside_the_labels_name_the_classes(tmp_path: Path) -> None:
    images, _ = read(write(tmp_path, LABELS, class_names=["normal", "tumour"]))

    assert images.counts == {"normal": 3, "tumour": 3}


def test_changed_labels_are_read_anew(tmp_path: Path) -> None:
    read(write(tmp_path, LABELS))
    images, _ = read(write(tmp_path, [[name(index), index // 3] for index in range(NUM)]))

    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_splits_may_each_be_of_that_layout(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / split, LABELS)

    parts, _ = read_parts(FolderSource(path=str(tmp_path)), None, skip_bad=False)

    assert {split: len(images) for split, images in parts.items()} == {"train": NUM, "test": NUM}


def test_images_without_a_label_are_counted(tmp_path: Path) -> None:
    images, notes = read(write(tmp_path, LABELS[:4]))

    assert len(images) == 4
    assert notes == ("left out 2 images of which dataset.json has no label",)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (None, "holds no labels"),
        ([[name(0), [0, 1]]], "is no file name with one whole number"),
        ([["../a.png", 1]], "is no file name with one whole number"),
        ([*LABELS, [name(0), 1]], f"names {name(0)} twice"),
        ([*LABELS, ["00009/img.png", 1]], "no such file, but .*dataset.json names it"),
    ],
)
def test_a_list_of_labels_that_does_not_fit_is_refused(
    tmp_path: Path, labels: Any, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        read(write(tmp_path, labels))


def test_labels_of_one_class_alone_are_no_real_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only one class, '1'; at least two are needed"):
        read_parts(write(tmp_path, [[name(0), 1]]), None, skip_bad=False)


def test_numbered_folders_without_the_list_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path, LABELS)
    (tmp_path / "dataset.json").unlink()

    with pytest.raises(InputError, match="00000, 00001 are folders of StyleGAN's layout, no class"):
        read(source)


def test_a_dataset_json_of_others_is_left_alone(tmp_path: Path) -> None:
    source = write(tmp_path, {"0": "background"})
    (tmp_path / "00000").rename(tmp_path / "a")
    (tmp_path / "00001").rename(tmp_path / "b")

    assert read(source)[0].counts == {"a": 4, "b": 2}
