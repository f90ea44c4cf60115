"""From which values to 0..255: floats that overshoot, and 16-bit files that hold fewer bits."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sources import write_npz

from rlsel.data.image_set import ImageSet
from rlsel.data.read import read_parts, read_whole
from rlsel.data.sources import WHOLE, FolderSource, NpzSource
from rlsel.errors import InputError

NUM = 10


def read_npz(path: Path) -> tuple[dict[str, ImageSet], tuple[str, ...]]:
    return read_parts(NpzSource(path=str(path)), None, skip_bad=False)


def floats(high: float, low: float = 0.0) -> np.ndarray:
    return np.linspace(low, high, NUM * 12, dtype=np.float32).reshape(NUM, 4, 3)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.000001), (-0.004, 1.008)])
def test_floats_that_overshoot_one_by_a_hair_stay_bright(
    tmp_path: Path, low: float, high: float
) -> None:
    np.savez(tmp_path / "a.npz", images=floats(high, low), labels=np.arange(NUM) % 2)

    parts, notes = read_npz(tmp_path / "a.npz")

    expected = np.rint(np.clip(floats(high, low), 0, 1) * 255)
    assert np.array_equal(parts[WHOLE].images[..., 0], expected)
    assert "scaled float images from 0..1 to 0..255" in notes
    assert any("to 0..1" in note and note.startswith("cut ") for note in notes)


def test_floats_that_overshoot_255_by_a_hair_are_cut_and_noted(tmp_path: Path) -> None:
    _, notes = read_npz(write_npz(tmp_path / "a.npz", NUM, train_images=floats(255.4)))

    assert "train: cut 1 value from 0 to 255.4 to 0..255" in notes


@pytest.mark.parametrize("high", [1.3, 2.0, 15.0])
def test_floats_of_neither_scale_are_refused(tmp_path: Path, high: float) -> None:
    file = write_npz(tmp_path / "a.npz", NUM, train_images=floats(high))

    with pytest.raises(InputError, match=r"values from 0 to .*; scale them to 0..255 first"):
        read_npz(file)


def test_splits_of_two_scales_are_refused(tmp_path: Path) -> None:
    images = {"train_images": floats(1.0), "test_images": floats(255.0)}

    with pytest.raises(InputError, match=r"train_images: values from 0 to 1, but other .* to 255"):
        read_npz(write_npz(tmp_path / "a.npz", NUM, **images))


def test_a_dim_split_is_of_the_scale_of_the_others(tmp_path: Path) -> None:
    images = {split: floats(high) for split, high in [("train_images", 1.0), ("test_images", 0.2)]}

    parts, _ = read_npz(write_npz(tmp_path / "a.npz", NUM, **images))

    assert parts["test"].images.max() == 51


def test_arrays_that_are_not_read_are_named(tmp_path: Path) -> None:
    _, notes = read_npz(write_npz(tmp_path / "a.npz", NUM, train_cases=np.arange(NUM)))

    assert notes[0] == "train: did not read the arrays train_cases"


def sixteen(values: np.ndarray, kind: str) -> bytes:
    """A PNG of 16 bits a channel; Pillow writes greyscale alone."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    height, width = values.shape[:2]
    colour = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[kind]
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(">u2"))
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def write_sixteen(root: Path, highest: int, kind: str = "L") -> FolderSource:
    """Two images a class; the brightest pixel of one of the four is `highest`."""
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[kind]
    for index in range(4):
        values = np.random.default_rng(index).integers(0, highest // 2, (5, 7, *channels))
        values[2, 3] = highest if index == 2 else highest // 2
        folder = root / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.png").write_bytes(sixteen(values, kind))
    return FolderSource(path=str(root))


@pytest.mark.parametrize(
    ("highest", "full_scale"),
    [(200, 255), (1023, 1023), (4095, 4095), (3000, 4095), (16000, 16383), (60000, 65535)],
)
def test_fewer_bits_in_16_are_scaled_by_what_all_images_use(
    tmp_path: Path, highest: int, full_scale: int
) -> None:
    images, notes = read_whole(write_sixteen(tmp_path, highest), None, skip_bad=False)

    assert images.images.max() == (highest * 255 + full_scale // 2) // full_scale
    assert notes == (f"converted 4 16-bit greyscale ({full_scale:,} becomes 255) images to RGB",)


def test_tiff_of_twelve_bits_is_scaled_as_well(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((5, 7), 4095, np.uint16)).save(tmp_path / name / "1.tif")

    images, _ = read_whole(FolderSource(path=str(tmp_path)), None, skip_bad=False)

    assert (images.images == 255).all()


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "LA"])
def test_colours_of_fewer_bits_are_refused(tmp_path: Path, kind: str) -> None:
    source = write_sixteen(tmp_path, 4095, kind)

    with pytest.raises(
        InputError, match=r"none is above 4,095 of 65,535, .* save them with 8 bits"
    ):
        read_whole(source, None, skip_bad=False)


def test_colours_of_sixteen_bits_are_noted(tmp_path: Path) -> None:
    images, notes = read_whole(write_sixteen(tmp_path, 65535, "RGB"), None, skip_bad=False)

    assert images.images.max() == 255
    assert notes == ("converted 4 16-bit RGB (65,535 becomes 255) images to RGB",)


def test_the_other_splits_take_the_scale_of_training(tmp_path: Path) -> None:
    write_sixteen(tmp_path / "train", 4095)
    write_sixteen(tmp_path / "test", 1000)

    for _ in range(2):  # decoded, then from the cache
        parts, _ = read_parts(FolderSource(path=str(tmp_path)), None, skip_bad=False)
        assert parts["test"].images.max() == 62


def test_a_split_beyond_the_scale_of_training_is_refused(tmp_path: Path) -> None:
    write_sixteen(tmp_path / "train", 4095)
    write_sixteen(tmp_path / "test", 5000)

    with pytest.raises(InputError, match="values up to 5,000, but those of training reach 4,095"):
        read_parts(FolderSource(path=str(tmp_path)), None, skip_bad=False)
