"""NPZ as MedMNIST has it, and numbers that are no pixels."""

from pathlib import Path

import numpy as np
import pytest
from small_sources import random_images, write_npz

from rlsel.data.read import read_parts
from rlsel.data.sources import WHOLE, NpzSource
from rlsel.errors import InputError

NUM = 10


def read(path: Path, **settings):
    return read_parts(NpzSource(path=str(path), **settings), None, skip_bad=False)


def test_greyscale_becomes_rgb_with_three_equal_channels_and_a_note(tmp_path: Path) -> None:
    parts, notes = read(write_npz(tmp_path / "a.npz", NUM))

    assert list(parts) == ["train", "val", "test"]
    assert np.array_equal(parts["train"].images[..., 2], random_images(NUM)[..., 0])
    assert np.array_equal(parts["train"].images[..., 0], parts["train"].images[..., 1])
    assert notes[0] == f"train: converted {NUM} greyscale images to RGB"


def test_labels_in_a_column_are_flattened(tmp_path: Path) -> None:
    parts, _ = read(write_npz(tmp_path / "a.npz", NUM), class_names=("normal", "tumour"))

    assert parts["val"].counts == {"normal": 5, "tumour": 5}


def test_plain_images_and_labels_are_one_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=random_images(4), labels=np.array([0, 1, 0, 1]))

    parts, _ = read(tmp_path / "a.npz")

    assert list(parts) == [WHOLE]


def test_patients_are_read_where_the_file_has_them(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, train_patients=np.arange(NUM) // 2)

    parts, _ = read(file)

    assert parts["train"].patients is not None
    assert parts["train"].patients.tolist()[:3] == ["0", "0", "1"]
    assert parts["val"].patients is None


def test_float_images_from_0_to_1_are_scaled(tmp_path: Path) -> None:
    images = np.linspace(0, 1, NUM * 12, dtype=np.float32).reshape(NUM, 4, 3)

    parts, notes = read(write_npz(tmp_path / "a.npz", NUM, train_images=images))

    assert parts["train"].images.max() == 255
    assert "train: scaled float images from 0..1 to 0..255" in notes


def test_float_images_from_0_to_255_are_rounded(tmp_path: Path) -> None:
    images = np.full((NUM, 4, 3), 100.6)

    parts, _ = read(write_npz(tmp_path / "a.npz", NUM, train_images=images))

    assert (parts["train"].images == 101).all()


def test_nan_is_refused_and_the_image_named(tmp_path: Path) -> None:
    images = np.ones((NUM, 4, 3))
    images[7, 1, 2] = np.nan

    with pytest.raises(InputError, match=r"train_images\[7\]: holds NaN or infinity"):
        read(write_npz(tmp_path / "a.npz", NUM, train_images=images))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 4095.0)])
def test_values_outside_0_to_255_are_refused(tmp_path: Path, low: float, high: float) -> None:
    images = np.linspace(low, high, NUM * 12).reshape(NUM, 4, 3)

    with pytest.raises(InputError, match=r"values from .*; scale them to 0..255 first"):
        read(write_npz(tmp_path / "a.npz", NUM, train_images=images))


def test_a_missing_array_is_named_with_those_there_are(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, test_labels=None)

    with pytest.raises(InputError, match="no array test_labels; it holds train_images, train_lab"):
        read(file)


def test_several_labels_an_image_are_refused(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, train_labels=np.zeros((NUM, 14), dtype=int))

    with pytest.raises(InputError, match=r"train_labels: shape \(10, 14\), but one label per"):
        read(file)


def test_volumes_are_refused(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, train_images=np.zeros((NUM, 8, 8, 8), np.uint8))

    with pytest.raises(InputError, match=r"train_images: shape \(10, 8, 8, 8\), but \(n, h, w\)"):
        read(file)


def test_too_few_labels_are_refused(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, val_labels=np.array([0, 1]))

    with pytest.raises(InputError, match="10 val_images but 2 labels"):
        read(file)


def test_a_fractional_label_is_named(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, val_labels=np.linspace(0, 1, NUM))

    with pytest.raises(InputError, match=r"val_images\[1\]: label 0.1+ is not a class number"):
        read(file)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, train_images=np.array([{}] * NUM, dtype=object))

    with pytest.raises(InputError, match="train_images holds Python objects"):
        read(file)


def test_a_file_that_is_not_npz_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no zip")

    with pytest.raises(InputError, match=r"a.npz: cannot be read as NPZ"):
        read(tmp_path / "a.npz")
