"""Architecture: where stroma, epithelium and lumen lie, and the textures that fill them.

Shape letters in this package: N images, H rows and W columns of the drawing, which is finer than
the image by `OVERSAMPLING`; M nuclei, S side of a nucleus's stamp, P sampled pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import fft

Stack = Float[np.ndarray, "n h w"]
PerImage = Float[np.ndarray, " n"]
Shape = tuple[int, int, int]

NO_LUMEN = 9.0
"""Threshold of a patch without a lumen: above any value of a field, in standard deviations."""


@dataclass(frozen=True)
class Architecture:
    """The compartments of each patch and their textures.

    Compartments are nested level sets of one smooth field, so a gland has stroma outside,
    epithelium inside, and a lumen in the middle.
    """

    field: Stack
    epithelium_from: PerImage
    """Threshold: epithelium lies where the field is larger, stroma elsewhere."""
    lumen_from: PerImage
    epithelium: Stack
    """Share of the pixel covered, 0 to 1, with soft borders."""
    lumen: Stack
    clefts: Stack
    """Gaps between the fibres of the stroma."""
    fibre_angle: PerImage
    """Radians."""
    fibres: Stack
    """-1 to 1."""
    mottle: Stack
    """Noise about as fine as a nucleus, mean 0 and variance 1."""
    grain: Stack
    """Noise finer than a nucleus, mean 0 and variance 1."""


def draw_architecture(shape: Shape, px_per_um: float, rng: np.random.Generator) -> Architecture:
    """Draw the compartments and textures of a stack of patches.

    45% of the patches have a lumen, of 2 to 30% of the area. Stroma takes up to 65% of the rest.
    """
    n = shape[0]
    field = smooth_noise(shape, 6.0 * px_per_um, rng)
    lumen_share = np.where(rng.random(n) < 0.45, rng.uniform(0.02, 0.3, n), 0.0)
    stroma_share = rng.uniform(0.0, 0.65, n) * (1 - lumen_share)
    epithelium_from = _level(field, stroma_share)
    lumen_from = np.where(lumen_share > 0, _level(field, 1 - lumen_share), NO_LUMEN)
    angle = rng.uniform(0, np.pi, n)
    fibres = wavy_fibres(shape, angle, 4.5 * px_per_um, rng)
    mottle = smooth_noise(shape, 2.2 * px_per_um, rng)
    ragged = field + 0.06 * mottle
    cleft_from = rng.normal(1.05, 0.2, n)
    return Architecture(
        field=field,
        epithelium_from=epithelium_from,
        lumen_from=lumen_from,
        epithelium=_step(ragged - per_pixel(epithelium_from), 0.10),
        lumen=_step(ragged - per_pixel(lumen_from), 0.07),
        clefts=_step(0.35 * mottle - fibres - per_pixel(cleft_from), 0.12),
        fibre_angle=angle,
        fibres=fibres,
        mottle=mottle,
        grain=smooth_noise(shape, 0.6 * px_per_um, rng),
    )


def per_pixel(values_N: PerImage) -> Float[np.ndarray, "n 1 1"]:
    """One value per image, shaped to broadcast; single precision halves the time of later steps."""
    return values_N.astype(np.float32)[:, None, None]


def smooth_noise(shape: Shape, sigma_px: float, rng: np.random.Generator) -> Stack:
    """Gaussian noise, mean 0 and variance 1 over many images, blurred with `sigma_px`."""
    n, height, width = shape
    # An FFT field is periodic. It is made wider than needed, so that opposite borders do not match.
    margin = int(np.ceil(3 * sigma_px))
    rows = fft.next_fast_len(height + margin, real=True)
    columns = fft.next_fast_len(width + margin, real=True)
    white_NHW = rng.standard_normal((n, rows, columns), dtype=np.float32)
    gain_H, gain_W = (_blur_gain(np.fft.fftfreq(size), sigma_px) for size in (rows, columns))
    # Filtered white noise has as variance the mean of the squared gain, so that is divided out.
    gain_H, gain_W = (gain / np.sqrt((gain**2).mean()) for gain in (gain_H, gain_W))
    gain_HF = (gain_H[:, None] * gain_W[: columns // 2 + 1]).astype(np.float32)
    field_NHW = fft.irfft2(fft.rfft2(white_NHW) * gain_HF, s=(rows, columns))
    return field_NHW[:, :height, :width].astype(np.float32)


def wavy_fibres(
    shape: Shape, angle_N: PerImage, period_px: float, rng: np.random.Generator
) -> Stack:
    """Bands along `angle_N` that wander and fade, as collagen does; range [-1, 1]."""
    n, height, width = shape
    y_HW, x_HW = np.mgrid[:height, :width].astype(np.float32)
    across_NHW = per_pixel(np.cos(angle_N)) * y_HW - per_pixel(np.sin(angle_N)) * x_HW
    bend_NHW = smooth_noise(shape, 1.6 * period_px, rng)
    bend_NHW += np.float32(0.45) * smooth_noise(shape, 0.5 * period_px, rng)
    start_N = rng.uniform(0, 2 * np.pi, n)
    phase_NHW = 2 * np.pi / period_px * across_NHW + 2.8 * bend_NHW + per_pixel(start_N)
    fade_NHW = 0.55 + 0.45 * np.tanh(1.5 * smooth_noise(shape, period_px, rng))
    return np.sin(phase_NHW) * fade_NHW


def _blur_gain(frequency: np.ndarray, sigma_px: float) -> np.ndarray:
    return np.exp(-2 * (np.pi * sigma_px * frequency) ** 2)


def _level(field_NHW: Stack, share_N: PerImage) -> PerImage:
    """The quantile `share_N` of each field."""
    sorted_NP = np.sort(field_NHW[:, ::4, ::4].reshape(len(field_NHW), -1), axis=1)
    place_N = np.floor(share_N * (sorted_NP.shape[1] - 1)).astype(np.int64)
    return sorted_NP[np.arange(len(field_NHW)), place_N].astype(np.float64)


def _step(values_NHW: Stack, softness: float) -> Stack:
    return np.clip(0.5 + values_NHW / (2 * softness), 0, 1)
