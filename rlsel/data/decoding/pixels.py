"""One image file, encoded string or array to RGB pixels."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

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
    "I;16": "16-bit greyscale (65,535 becomes 255)",
    "I;16B": "16-bit greyscale (65,535 becomes 255)",
}
"""Pillow's mode -> what a note calls it. Other modes, such as 32-bit floats, are refused."""


class UnreadableImageError(InputError):
    """One image that cannot be decoded; `where` names it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"{where}: cannot be read ({reason}); replace or remove it, or set data.skip_bad: true"
        )
        self.where = where


class Pixels(NamedTuple):
    """One image after decoding, and what it was before."""

    rgb: np.ndarray
    """(h, w, 3) uint8."""
    converted_from: str
    """Empty for plain RGB."""
    size: Size
    """Before resizing."""


def read_pixels(payload: Payload, size: Size) -> Pixels:
    """The image as RGB at `size`.

    Raises:
        UnreadableImageError: it cannot be read.
    """
    try:
        with _opened(payload.data) as image:
            rgb, converted_from = _rgb(image)
            return Pixels(resize(rgb, size), converted_from, rgb.shape[:2])
    except UnidentifiedImageError as error:
        raise UnreadableImageError(payload.where, "it is not an image") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise UnreadableImageError(payload.where, str(error)) from error


def read_size(payload: Payload) -> Size | None:
    """(height, width) from the header alone; None if that cannot be read."""
    try:
        with _opened(payload.data) as image:
            return image.height, image.width
    except Exception:  # decoding meets the same file again and says what is wrong with it
        return None


def _opened(data: Path | bytes | np.ndarray | None) -> Image.Image:
    if data is None:
        raise ValueError("there are no encoded bytes")
    if isinstance(data, np.ndarray):
        return Image.fromarray(data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data)
    return Image.open(BytesIO(data) if isinstance(data, bytes) else data)


def _rgb(image: Image.Image) -> tuple[np.ndarray, str]:
    converted_from = CONVERTED_FROM.get(image.mode)
    if converted_from is None:
        raise ValueError(f"its pixels are of mode {image.mode}; save it as 8-bit RGB")
    if getattr(image, "n_frames", 1) > 1:
        converted_from = f"{converted_from} multi-page (first page used)".strip()
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255, which turns a 16-bit scan white.
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), converted_from
    if image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")  # a palette with transparency warns otherwise
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), converted_from
