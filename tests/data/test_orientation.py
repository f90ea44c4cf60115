"""EXIF orientation: every image stands upright, as viewers show it."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rlsel.data.decoding.decode import decode
from rlsel.data.decoding.pixels import UPRIGHT
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource, ParquetSource
from rlsel.data.sources.part import Listing, Payload

HALVES = np.zeros((6, 10, 3), dtype=np.uint8)
HALVES[:2, :, 0] = 250
HALVES[:, :3, 1] = 250
INVERSE = {6: UPRIGHT[8], 8: UPRIGHT[6]}


def turned(orientation: int, kind: str = "PNG") -> bytes:
    """An image that `orientation` makes `HALVES`."""
    exif, stream = Image.Exif(), BytesIO()
    exif[0x0112] = orientation
    image = Image.fromarray(HALVES)
    if orientation in UPRIGHT:
        image = image.transpose(INVERSE.get(orientation, UPRIGHT[orientation]))
    image.save(stream, kind, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_becomes_upright(orientation: int, kind: str) -> None:
    content = turned(orientation, kind)
    listing = Listing(
        names=("0", "1"),
        labels=np.array([0, 1]),
        class_names=("a", "b"),
        payloads=lambda: iter([Payload("x", content)] * 2),
    )

    images, notes, *_ = decode(listing, None, skip_bad=False, description="")

    assert images.images.shape == (2, 6, 10, 3)
    assert np.abs(images.images[0].astype(int) - HALVES).mean() < (1 if kind != "JPEG" else 40)
    said = ("turned 2 images upright, as EXIF orientation says",)
    assert notes == (said if orientation > 1 else ())


def test_turned_images_in_folders_and_parquet_are_the_same(tmp_path: Path) -> None:
    for name, orientation in (("a", 1), ("b", 6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(turned(orientation))
    cells = [turned(1), turned(6)]
    pq.write_table(pa.table({"image": cells, "label": ["a", "b"]}), tmp_path / "x.parquet")

    folder, notes = read_whole(FolderSource(path=str(tmp_path)), None, skip_bad=False)
    parquet, _ = read_whole(ParquetSource(path=str(tmp_path / "x.parquet")), None, skip_bad=False)

    assert np.array_equal(folder.images, [HALVES, HALVES])
    assert np.array_equal(parquet.images, folder.images)
    assert "turned 1 image upright, as EXIF orientation says" in notes


def test_damaged_exif_leaves_the_image_as_it_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(HALVES).save(tmp_path / name / "1.jpg", exif=b"Exif\0\0II*\0\xff\xff")

    assert len(read_whole(FolderSource(path=str(tmp_path)), None, skip_bad=False)[0]) == 2
