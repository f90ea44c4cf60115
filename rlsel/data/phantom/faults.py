"""Faults of a synthetic patch whose label is right: blur, artefacts, near duplicates.

Shape letters: see `architecture.py`; here H and W are those of the image itself.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

Images = UInt8[np.ndarray, "n h w 3"]


def blur(images_NHW3: Images, rng: np.random.Generator) -> Images:
    """Out of focus and veiled by stray light, as under a thick mount.

    A Gaussian of 2 to 3 px, about a nucleus's radius, under 30 to 80% of white.
    """
    n = len(images_NHW3)
    sigma_N = rng.uniform(2, 3, n)
    veil_N111 = rng.uniform(0.3, 0.8, (n, 1, 1, 1)).astype(np.float32)
    blurred = [
        ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), mode="reflect")
        for image, sigma in zip(images_NHW3, sigma_N, strict=True)
    ]
    blurred_NHW3 = np.asarray(blurred, np.float32).reshape(images_NHW3.shape)
    return _to_uint8(blurred_NHW3 * (1 - veil_N111) + 238 * veil_N111, rng)


def near_duplicate(images_NHW3: Images, rng: np.random.Generator) -> Images:
    """Copies of the images, shifted by up to a pixel, with new noise and slightly other colours."""
    n = len(images_NHW3)
    padded = np.pad(images_NHW3, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    _, height, width, _ = images_NHW3.shape
    shifted = [
        image[down : down + height, right : right + width]
        for image, (down, right) in zip(padded, rng.integers(0, 3, (n, 2)), strict=True)
    ]
    gain = rng.normal(1, 0.012, (n, 1, 1, 3)).astype(np.float32)
    copies = np.asarray(shifted, np.float32).reshape(images_NHW3.shape) * gain
    return _to_uint8(copies, rng, noise=3.0)


def add_artefact(images_NHW3: Images, rng: np.random.Generator) -> Images:
    """One artefact per image; all kinds in `ARTEFACTS` are equally frequent."""
    makers = list(ARTEFACTS.values())
    which_N = rng.permutation(np.arange(len(images_NHW3)) % len(makers))
    spoilt = [
        makers[which](image.astype(np.float32), rng)
        for image, which in zip(images_NHW3, which_N, strict=True)
    ]
    return _to_uint8(np.asarray(spoilt, np.float32).reshape(images_NHW3.shape), rng)


def _fold(image_HW3: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissue lying double along a band: light passes through it twice."""
    along_HW, height = _line(image_HW3, rng)
    band_HW1 = _soft_band(along_HW, 0.16 * height)[..., None]
    mirrored = image_HW3[::-1, ::-1]
    return image_HW3 * (1 - band_HW1 + band_HW1 * mirrored / 255 * 0.8)


def _pen_mark(image_HW3: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A stroke of a marker, blue, green or black, over the patch."""
    along_HW, height = _line(image_HW3, rng)
    stroke_HW1 = _soft_band(along_HW, 0.22 * height)[..., None]
    inks = np.array([[0.25, 0.35, 0.85], [0.2, 0.6, 0.35], [0.2, 0.2, 0.24]])
    return image_HW3 * (1 - stroke_HW1 + stroke_HW1 * inks[rng.integers(len(inks))])


def _dust(image_HW3: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dark out-of-focus grains on the cover glass."""
    height, width, _ = image_HW3.shape
    y_HW, x_HW = np.mgrid[:height, :width]
    shade_HW = np.ones((height, width))
    for _ in range(rng.integers(3, 7)):
        distance2 = (y_HW - rng.uniform(0, height)) ** 2 + (x_HW - rng.uniform(0, width)) ** 2
        shade_HW *= 1 - 0.8 * np.exp(-distance2 / (2 * (rng.uniform(0.03, 0.09) * height) ** 2))
    return image_HW3 * shade_HW[..., None]


def _out_of_stain(image_HW3: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Washed-out stain with a foreign cast."""
    density = -np.log(np.clip(image_HW3, 2, 255) / 255) * rng.uniform(0.2, 0.4)
    cast = rng.permutation([0.0, 0.08, 0.3])
    return 255 * np.exp(-density - cast)


def _blocks(image_HW3: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compression so strong that 8 px blocks keep their mean and little else."""
    height, width, _ = image_HW3.shape
    side = 8
    padded = np.pad(image_HW3, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    mean = padded.reshape(rows, side, columns, side, 3).mean((1, 3))
    flat = mean.repeat(side, 0).repeat(side, 1)[:height, :width]
    keep = rng.uniform(0.1, 0.25)
    return flat + keep * (image_HW3 - flat)


ARTEFACTS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "fold": _fold,
    "pen_mark": _pen_mark,
    "dust": _dust,
    "out_of_stain": _out_of_stain,
    "blocks": _blocks,
}


def _line(image_HW3: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Signed distance of every pixel to a random slightly bent line through the middle third."""
    height, width, _ = image_HW3.shape
    y_HW, x_HW = np.mgrid[:height, :width] - np.array([height, width])[:, None, None] / 2
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.004)
    across = np.cos(angle) * y_HW - np.sin(angle) * x_HW
    along = np.sin(angle) * y_HW + np.cos(angle) * x_HW
    return across + bend * along**2 + rng.uniform(-1, 1) * height / 6, height


def _soft_band(distance_HW: np.ndarray, half_width: float) -> np.ndarray:
    return np.clip(half_width - np.abs(distance_HW), 0, 1)


def _to_uint8(
    values: Float[np.ndarray, "n h w 3"], rng: np.random.Generator, noise: float = 2.0
) -> Images:
    noisy = values + noise * rng.standard_normal(values.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
