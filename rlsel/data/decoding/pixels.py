"""Decode one image, given as a file, encoded bytes or an array, to RGB pixels."""

from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from rlsel.data.decoding.resize import Size, resize
from rlsel.data.sources.part import Payload
from rlsel.errors import InputError

CONVERTED_FROM = {
    "RGB": "",
    "1": "black-and-white",
    "L": "greyscale",
    "LA": "greyscale (alpha dropped)",
    "RGBA": "RGBA (alpha dropped)",
    "P": "palette",
    "CMYK": "CMYK",
    "YCbCr": "YCbCr",
    "LAB": "LAB",
    "I;16": "greyscale",
    "I;16B": "greyscale",
}
"""Pillow's mode -> its name in a note. Other modes, such as 32-bit floats, are refused."""
SIXTEEN_BITS = 65535
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> the transposition that turns the image upright."""
ORIENTATION = ExifTags.Base.Orientation


class UnreadableImageError(InputError):
    """One image that cannot be decoded; `where` names it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"{where}: cannot be read ({reason}); replace or remove it, or set data.skip_bad: true"
        )
        self.where, self.reason = where, reason


class Pixels(NamedTuple):
    """One image after decoding, and facts about the original."""

    rgb: np.ndarray
    """(h, w, 3) uint8."""
    converted_from: str
    """The original format; empty for plain 8-bit RGB."""
    size: Size
    """Size before resizing."""
    highest: int
    """The highest 16-bit value; 0 for an 8-bit image."""
    whole: bool
    """Whether all 16 bits were read and scaled. Pillow reads only 8 bits of coloured images."""
    turned: bool
    """Whether the EXIF orientation had the image turned."""


def read_pixels(payload: Payload, size: Size, full_scale: int = SIXTEEN_BITS) -> Pixels:
    """The image as RGB at `size`.

    Args:
        full_scale: the 16-bit value that becomes 255.

    Raises:
        UnreadableImageError: it cannot be read.
    """
    try:
        with _opened(payload.data) as opened:
            sixteen = _has_sixteen_bits(opened)
            image, turned = _upright(opened)
            rgb, converted_from, highest, whole = _rgb(image, sixteen, full_scale)
            return Pixels(
                rgb=resize(rgb, size),
                converted_from=converted_from,
                size=rgb.shape[:2],
                highest=highest,
                whole=whole,
                turned=turned,
            )
    except UnidentifiedImageError as error:
        raise UnreadableImageError(payload.where, "it is not an image") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise UnreadableImageError(payload.where, str(error)) from error


def read_size(payload: Payload) -> Size | None:
    """(height, width) from the header alone; None if that cannot be read."""
    try:
        with _opened(payload.data) as image:
            # Pillow reports the size of a TIFF with the orientation already applied.
            lies = image.format != "TIFF" and _orientation(image) >= 5
            return (image.width, image.height) if lies else (image.height, image.width)
    except Exception:  # decoding meets the same file again and says what is wrong with it
        return None


def _opened(data: str | bytes | np.ndarray | None) -> Image.Image:
    if data is None:
        raise ValueError("there are no encoded bytes")
    if isinstance(data, np.ndarray):
        return Image.fromarray(data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data)
    return Image.open(BytesIO(data) if isinstance(data, bytes) else data)


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Reads the layout of the file as well, since Pillow's mode is RGB for 16-bit colours too."""
    return ";16" in image.mode or any(";16" in repr(tile[3]) for tile in getattr(image, "tile", ()))


def _orientation(image: Image.Image) -> int:
    """1 to 8; 1 where the EXIF data say nothing or are damaged."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # the image itself may still be sound
        return 1
    return found if found in UPRIGHT else 1


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    before = _orientation(image)
    if before == 1:
        return image, False
    image.load()  # Pillow turns a TIFF while loading and then removes its orientation
    after = _orientation(image)
    return image if after == 1 else image.transpose(UPRIGHT[after]), True


def _rgb(image: Image.Image, sixteen: bool, full_scale: int) -> tuple[np.ndarray, str, int, bool]:
    """RGB, then `converted_from`, `highest` and `whole` of `Pixels`."""
    converted_from = CONVERTED_FROM.get(image.mode)
    if converted_from is None:
        raise ValueError(f"its pixels are of mode {image.mode}; save it as 8-bit RGB")
    if sixteen:
        whole = image.mode.startswith("I;16")
        kind = converted_from or "RGB"
        converted_from = f"16-bit {kind} ({full_scale if whole else SIXTEEN_BITS:,} becomes 255)"
    if getattr(image, "n_frames", 1) > 1:
        converted_from = f"{converted_from} multi-page (first page used)".strip()
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255, which turns a 16-bit scan white.
        values = np.asarray(image).astype(np.uint32)
        grey = np.minimum((values * 255 + full_scale // 2) // full_scale, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), converted_from, int(values.max()), True
    if image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")  # RGB at once would warn for a palette
    rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    return rgb, converted_from, (int(rgb.max()) << 8 | 255) if sixteen else 0, not sixteen
