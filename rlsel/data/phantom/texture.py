"""Random fields that tissue is made of: correlated noise and wavy fibres.

Shape letters in this package: N images, H rows and W columns of the drawing, which is finer than
the image by `OVERSAMPLING`; M nuclei, S side of a nucleus's stamp.
"""

import numpy as np
from jaxtyping import Float
from scipy import fft


def smooth_noise(
    shape: tuple[int, int, int], sigma_px: float, rng: np.random.Generator
) -> Float[np.ndarray, "n h w"]:
    """Gaussian noise, mean 0 and variance 1 over many images, blurred with `sigma_px`."""
    n, height, width = shape
    # The field is periodic, so it is made wider than needed: opposite borders must not match.
    margin = int(np.ceil(3 * sigma_px))
    rows = fft.next_fast_len(height + margin, real=True)
    columns = fft.next_fast_len(width + margin, real=True)
    white_NHW = rng.standard_normal((n, rows, columns), dtype=np.float32)
    frequency2 = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns)[None] ** 2
    gain = np.exp(-2 * np.pi**2 * sigma_px**2 * frequency2).astype(np.float32)
    field_NHW = fft.irfft2(fft.rfft2(white_NHW) * gain, s=(rows, columns))
    full_gain = np.exp(
        -2
        * np.pi**2
        * sigma_px**2
        * (np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.fftfreq(columns)[None] ** 2)
    )
    field_NHW = field_NHW[:, :height, :width] / np.sqrt((full_gain**2).mean())
    return field_NHW.astype(np.float32)


def wavy_fibres(
    shape: tuple[int, int, int],
    angle_N: Float[np.ndarray, " n"],
    period_px: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n h w"]:
    """Bands across `angle_N` (radians) that wander and fade, as collagen does; range [-1, 1]."""
    n, height, width = shape
    y_HW, x_HW = np.mgrid[:height, :width].astype(np.float32)
    across_NHW = (
        -np.sin(angle_N)[:, None, None] * x_HW + np.cos(angle_N)[:, None, None] * y_HW
    ).astype(np.float32)
    bend_NHW = smooth_noise(shape, 1.6 * period_px, rng) + 0.45 * smooth_noise(shape, 0.5 * period_px, rng)
    start_N = rng.uniform(0, 2 * np.pi, n).astype(np.float32)
    phase_NHW = 2 * np.pi / period_px * across_NHW + 2.8 * bend_NHW + start_N[:, None, None]
    fade_NHW = 0.55 + 0.45 * np.tanh(1.5 * smooth_noise(shape, period_px, rng))
    return (np.sin(phase_NHW) * fade_NHW).astype(np.float32)
