"""Whatever kind of picture it is, it comes out as RGB of one size, and the user is told."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sources import encoded, random_images, write_folder

from rlsel.data.decoding.decode import decode
from rlsel.data.decoding.pixels import UnreadableImageError, read_pixels
from rlsel.data.read import read_whole
from rlsel.data.sources import FolderSource
from rlsel.data.sources.part import Listing, Payload
from rlsel.errors import InputError

GREY = np.arange(12, dtype=np.uint8).reshape(4, 3) * 20


def listing(images: list) -> Listing:
    """A listing of these payloads, of two classes in turn."""
    return Listing(
        names=tuple(str(i) for i in range(len(images))),
        labels=np.arange(len(images)) % 2,
        class_names=("a", "b"),
        payloads=lambda: (Payload(f"image {i}", image) for i, image in enumerate(images)),
    )


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(random_images(1, 4, 3)[0]).convert(mode)

    pixels = read_pixels(Payload("x", saved(image)), (4, 3))

    assert np.array_equal(pixels.rgb, np.asarray(image.convert("RGBA").convert("RGB")))
    assert pixels.converted_from


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (3, 4), (0, 255, 255, 0))

    assert read_pixels(Payload("x", saved(image, "TIFF")), (4, 3)).rgb[0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    wide = Image.fromarray(GREY.astype(np.uint16) * 257)

    pixels = read_pixels(Payload("x", saved(wide, "TIFF")), (4, 3))

    assert np.array_equal(pixels.rgb[..., 1], GREY)


def test_a_palette_with_transparency_gives_no_warning() -> None:
    image = Image.fromarray(GREY, mode="L").convert("P")

    content = saved(image, transparency=bytes([0, 128]))

    assert read_pixels(Payload("x", content), (4, 3)).rgb.shape == (4, 3, 3)


def test_thirty_two_bit_floats_are_refused() -> None:
    content = saved(Image.fromarray(GREY.astype(np.float32)), "TIFF")

    with pytest.raises(UnreadableImageError, match="mode F; save it as 8-bit RGB"):
        read_pixels(Payload("x", content), (4, 3))


def test_of_several_pages_the_first_is_used_and_noted() -> None:
    pages = [Image.fromarray(image) for image in random_images(2, 4, 3)]
    content = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])

    decoded = decode(listing([content, content]), None, skip_bad=False, description="")

    assert np.array_equal(decoded.images.images[0], random_images(2, 4, 3)[0])
    assert decoded.notes == ("converted 2 multi-page (first page used) images to RGB",)


def test_order_is_kept_over_many_images() -> None:
    images = random_images(1200, 2, 2)

    decoded = decode(listing([encoded(image) for image in images]), None, False, "")

    assert np.array_equal(decoded.images.images, images)
    assert decoded.images.ids.tolist() == [str(i) for i in range(1200)]


def test_mixed_sizes_become_the_commonest_one_and_are_noted() -> None:
    images = [*random_images(1, 8, 8), *random_images(3, 4, 4), *random_images(1, 4, 6)]

    decoded = decode(listing(images), None, skip_bad=False, description="")

    assert decoded.images.images.shape == (5, 4, 4, 3)
    assert decoded.notes == (
        "resized 1 image from 8x8 to 4x4",
        "resized 1 image from 4x6 to 4x4, changing proportions",
    )


def test_a_given_size_wins_over_the_commonest() -> None:
    decoded = decode(listing(list(random_images(2, 9, 6))), (3, 2), False, "")

    assert decoded.images.images.shape == (2, 3, 2, 3)
    assert decoded.notes == ("resized 2 images from 9x6 to 3x2",)


def test_greyscale_and_rgb_mix(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 3, "b": 2}, size=(4, 3))
    (tmp_path / "a" / "grey.png").write_bytes(saved(Image.fromarray(GREY)))

    images, notes = read_whole(FolderSource(path=str(tmp_path)), None, skip_bad=False)

    assert len(images) == 6
    assert notes == ("converted 1 greyscale image to RGB",)


@pytest.mark.parametrize("damage", [b"", b"no image", encoded(random_images(1, 64, 64)[0])[:3000]])
@pytest.mark.parametrize("place", [0, 2])
def test_an_unreadable_image_is_named_with_the_way_out(damage: bytes, place: int) -> None:
    images: list = list(random_images(3))
    images[place] = damage

    with pytest.raises(InputError, match=rf"image {place}: cannot be read .*data.skip_bad: true"):
        decode(listing(images), None, skip_bad=False, description="")


def test_skip_bad_goes_on_without_the_image_and_notes_it(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": 3, "b": 2}, patients=2)
    broken = tmp_path / "a" / "P01" / "001.png"
    broken.write_bytes(broken.read_bytes()[:60])

    source = FolderSource(path=str(tmp_path), patient_from="folder")
    images, notes = read_whole(source, None, skip_bad=True)

    assert images.counts == {"a": 2, "b": 2}
    assert images.patients is not None
    assert images.patients.tolist() == ["P00", "P00", "P00", "P01"]
    assert notes == (f"left out 1 unreadable image: {broken}",)


def test_no_readable_image_at_all_is_an_input_error() -> None:
    with pytest.raises(InputError, match="none of the images can be read"):
        decode(listing([b"x", b"y"]), None, skip_bad=True, description="")
