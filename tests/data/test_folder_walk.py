"""What lies below a folder: linked, hidden, closed, or called by no UTF-8."""

import os
from pathlib import Path

import numpy as np
import pytest
from small_sources import encoded, random_images, write_folder, write_parquet

from rlsel.data.image_set import ImageSet
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource, ParquetSource
from rlsel.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data", {"normal": 3, "tumour": 3})


def read(root: Path) -> tuple[ImageSet, tuple[str, ...]]:
    return read_whole(FolderSource(path=str(root)), None, skip_bad=False)


def test_a_linked_folder_is_followed(tmp_path: Path, data: Path) -> None:
    write_folder(tmp_path / "store", {"P07": 5})
    (data / "tumour" / "P07").symlink_to(tmp_path / "store" / "P07")

    images, notes = read(data)

    assert images.counts == {"normal": 3, "tumour": 8}
    assert "tumour/P07/004.png" in images.ids
    assert notes == ()


@pytest.mark.parametrize("target", [".", "..", "../..", "inner"])
def test_a_circle_of_links_ends_and_is_noted(data: Path, target: str) -> None:
    write_folder(data / "tumour", {"inner": 2})
    (data / "tumour" / "loop").symlink_to(data / "tumour" / target)

    images, notes = read(data)

    assert images.counts == {"normal": 3, "tumour": 5}
    assert "did not follow 1 linked folder to files that are read anyway" in notes[0]


def test_a_circle_outside_of_the_folder_ends_as_well(tmp_path: Path, data: Path) -> None:
    write_folder(tmp_path / "store", {"P07": 2})
    (tmp_path / "store" / "P07" / "back").symlink_to(tmp_path / "store")
    (data / "tumour" / "P07").symlink_to(tmp_path / "store" / "P07")

    images, notes = read(data)

    assert images.counts == {"normal": 3, "tumour": 5}
    assert "data/tumour/P07/back" in notes[0]


@pytest.mark.parametrize("target", ["nowhere.png", "lost.png"])
def test_an_image_that_is_a_link_to_nothing_is_named(data: Path, target: str) -> None:
    (data / "tumour" / "lost.png").symlink_to(target)

    with pytest.raises(InputError, match=r"tumour/lost.png: leads to no file; mend this link"):
        read(data)


@pytest.mark.parametrize(
    "hidden",
    ["normal/.ipynb_checkpoints", "normal/@eaDir", "normal/a/__MACOSX", ".Trash", "__MACOSX"],
)
def test_hidden_and_system_folders_hold_no_data_and_are_counted(data: Path, hidden: str) -> None:
    write_folder(data / hidden, {"x": 2})

    images, notes = read(data)

    assert images.counts == {"normal": 3, "tumour": 3}
    assert notes[0].startswith("left out 2 files by name (hidden")
    assert f"{hidden}/x/000.png" in notes[0]


def test_masks_beside_the_images_are_no_data(tmp_path: Path) -> None:
    for name in ("covid", "normal"):
        write_folder(tmp_path / "data" / name, {"images": 3, "masks": 3})

    images, notes = read(tmp_path / "data")

    assert images.counts == {"covid": 3, "normal": 3}
    assert notes[0].startswith("left out 6 files by name")


@pytest.mark.parametrize("names", [("images", "masks"), ("benign", "malignant", "Masks")])
def test_images_and_masks_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_folder(tmp_path / "data", dict.fromkeys(names, 3))

    with pytest.raises(InputError, match=r"no class is called .*asks; move what is no class"):
        read(tmp_path / "data")


def test_images_in_no_class_folder_are_counted(data: Path) -> None:
    (data / "montage.png").write_bytes(encoded(random_images(1)[0]))

    assert read(data)[1] == ("ignored 1 image that are in no class folder",)


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_a_folder_that_may_not_be_read_is_an_error_that_names_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write_folder(data / "tumour", {"P07": 2})
    write_parquet(data / "a.parquet", random_images(2), [0, 1])
    scandir = os.scandir

    def closed(path):  # the tests may run as root, whom no mode keeps out
        if Path(path).name == "P07":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    source = FolderSource if kind == "folder" else ParquetSource

    with pytest.raises(InputError, match="tumour/P07: permission denied; make it readable"):
        read_whole(source(path=str(data)), None, skip_bad=False)


def test_names_that_are_no_utf8_are_read_and_shown_as_their_bytes(data: Path) -> None:
    os.rename(os.fsencode(data / "tumour/001.png"), os.fsencode(data) + b"/tumour/M\xe9lanome.png")
    os.rename(os.fsencode(data / "normal"), os.fsencode(data) + b"/B\xe9nin")

    images, _ = read(data)

    assert images.counts == {"B\\xe9nin": 3, "tumour": 3}
    assert "tumour/M\\xe9lanome.png" in images.ids
    assert len(images.digest) == 32


def test_an_error_about_such_a_name_can_be_printed(data: Path) -> None:
    (Path(os.fsdecode(os.fsencode(data) + b"/tumour/M\xe9lanome.png"))).write_bytes(b"no image")

    with pytest.raises(InputError, match=r"M\\xe9lanome.png: cannot be read") as error:
        read(data)
    str(error.value).encode()


def test_parquet_files_of_such_a_name_are_refused_in_a_line(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", random_images(2), [0, 1])
    os.rename(os.fsencode(file), os.fsencode(tmp_path) + b"/M\xe9.parquet")

    with pytest.raises(InputError, match="cannot be read as Parquet") as error:
        read_whole(ParquetSource(path=str(tmp_path)), None, skip_bad=False)
    str(error.value).encode()


def test_files_beside_the_class_folders_are_counted_and_named(data: Path) -> None:
    np.savez(data / "more.npz", images=random_images(2), labels=[0, 1])

    assert read(data)[1] == ("ignored 1 file beside the folders: 'more.npz'",)


def test_files_come_in_the_order_of_their_paths(data: Path) -> None:
    for name in ("10", "9", "1", "1.png", "1-", "é"):
        write_folder(data / "tumour" / name, {"b": 2, "B": 1})

    paths = [data / name for name in read(data)[0].ids]

    assert paths == sorted(paths)
    assert len(paths) == 6 + 6 * 3
