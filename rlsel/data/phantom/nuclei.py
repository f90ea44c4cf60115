"""Nuclei: where they lie, how each one looks, and their haematoxylin on the canvas.

Shape letters: see `texture.py`.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

EDGE_PX = 1.3
"""Width of a nucleus's border in drawing pixels."""


@dataclass(frozen=True)
class Nuclei:
    """All nuclei of a stack of images, one row each; lengths in drawing pixels."""

    image: Int[np.ndarray, " m"]
    y: Float[np.ndarray, " m"]
    x: Float[np.ndarray, " m"]
    radius: Float[np.ndarray, " m"]
    elongation: Float[np.ndarray, " m"]
    """Long over short axis, 1 or more."""
    angle: Float[np.ndarray, " m"]
    irregularity: Float[np.ndarray, " m"]
    """Amplitude of the bumps of the contour, a share of the radius."""
    darkness: Float[np.ndarray, " m"]
    """Haematoxylin at the rim."""
    clearing: Float[np.ndarray, " m"]
    """How much paler the middle is than the rim, 0 to 1: open chromatin."""
    nucleolus: Float[np.ndarray, " m"]
    """Haematoxylin of the nucleolus."""

    def __len__(self) -> int:
        return len(self.image)

    def take(self, which: np.ndarray) -> "Nuclei":
        return Nuclei(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def jittered_lattice(
    spacing_N: Float[np.ndarray, " n"], size_px: int, margin_px: float, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Points about `spacing_N` apart in each image: nuclei crowd, but seldom overlap.

    Returns:
        image, y and x of each point; y and x lie in [-margin_px, size_px + margin_px].
    """
    reach = size_px / 2 + margin_px
    steps = int(np.ceil(2**0.5 * reach / float(spacing_N.min()))) + 1
    row, column = np.mgrid[-steps : steps + 1, -steps : steps + 1].astype(np.float32)
    lattice_2K = np.stack(((row * 3**0.5 / 2).ravel(), (column + row % 2 / 2).ravel()))
    n, k = len(spacing_N), lattice_2K.shape[1]
    jitter_N2K = rng.normal(0, 0.16, (n, 2, k)) + rng.uniform(-0.5, 0.5, (n, 2, 1))
    y_NK, x_NK = np.moveaxis((lattice_2K + jitter_N2K) * spacing_N[:, None, None], 1, 0)
    turn_N1 = rng.uniform(0, np.pi / 3, (n, 1))
    y_NK, x_NK = (
        np.cos(turn_N1) * y_NK + np.sin(turn_N1) * x_NK,
        np.cos(turn_N1) * x_NK - np.sin(turn_N1) * y_NK,
    )
    image, point = np.nonzero(np.maximum(np.abs(y_NK), np.abs(x_NK)) <= reach)
    return image, y_NK[image, point] + size_px / 2, x_NK[image, point] + size_px / 2


def stamp_nuclei(
    nuclei: Nuclei, shape: tuple[int, int, int], rng: np.random.Generator
) -> Float[np.ndarray, "n h w"]:
    """Haematoxylin of the nuclei alone; where two overlap, the darker one shows."""
    n, height, width = shape
    reach = nuclei.radius * np.sqrt(nuclei.elongation) * (1 + 2 * nuclei.irregularity) + EDGE_PX
    half = int(np.ceil(reach.max(initial=1)))
    canvas_NHW = np.zeros((n, height + 4 * half, width + 4 * half), np.float32)
    # Small nuclei get small stamps: most of the time goes into pixels outside the contour.
    edges = np.unique(np.quantile(reach, (0.3, 0.6, 0.85, 1))) if len(nuclei) else np.zeros(0)
    lower = 0.0
    for upper in edges:
        of_this_size = np.flatnonzero((reach > lower) & (reach <= upper))
        if len(of_this_size):
            _stamp(canvas_NHW, nuclei.take(of_this_size), int(np.ceil(upper)), 2 * half, rng)
        lower = upper
    return canvas_NHW[:, 2 * half : 2 * half + height, 2 * half : 2 * half + width]


def _stamp(
    canvas_NHW: np.ndarray, nuclei: Nuclei, half: int, border: int, rng: np.random.Generator
) -> None:
    row_M, column_M = np.floor(nuclei.y).astype(np.int64), np.floor(nuclei.x).astype(np.int64)
    offset_S = np.arange(-half, half + 1)
    dy_MS = (offset_S - (nuclei.y - row_M)[:, None]).astype(np.float32)
    dx_MS = (offset_S - (nuclei.x - column_M)[:, None]).astype(np.float32)
    density_MSS = _density(nuclei, dy_MS[:, :, None], dx_MS[:, None, :], rng)
    _, rows, columns = canvas_NHW.shape
    row_MS = row_M[:, None] + offset_S + border
    column_MS = column_M[:, None] + offset_S + border
    inside_MSS = density_MSS > 0
    place_MSS = (nuclei.image[:, None] * rows + row_MS)[:, :, None] * columns
    place_MSS = place_MSS + column_MS[:, None, :]
    np.maximum.at(canvas_NHW.reshape(-1), place_MSS[inside_MSS], density_MSS[inside_MSS])


def _density(
    nuclei: Nuclei, dy_MS1: np.ndarray, dx_M1S: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "m s s"]:
    m = len(nuclei)

    def column(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[:, None, None]

    stretch = column(np.sqrt(nuclei.elongation))
    radius, angle = column(nuclei.radius), column(nuclei.angle)
    u_MSS = (np.cos(angle) * dx_M1S + np.sin(angle) * dy_MS1) / (radius * stretch)
    v_MSS = (np.cos(angle) * dy_MS1 - np.sin(angle) * dx_M1S) * (stretch / radius)
    u2_MSS, v2_MSS = u_MSS * u_MSS, v_MSS * v_MSS
    rho2_MSS = u2_MSS + v2_MSS
    rho_MSS = np.sqrt(rho2_MSS) + np.float32(1e-3)
    # Bumps of third and second order, written in u and v to spare the trigonometry.
    bump3, bump2, spot_u, spot_v = rng.normal(0, 1, (4, m))
    bumps_MSS = column(bump3) * v_MSS * (3 * u2_MSS - v2_MSS) / (rho_MSS * rho2_MSS + 1e-3)
    bumps_MSS += column(bump2) * u_MSS * v_MSS / (rho2_MSS + 1e-3)
    contour_MSS = rho_MSS / (1 + np.clip(column(nuclei.irregularity) * bumps_MSS, -0.45, 0.45))
    cover_MSS = np.clip((1 - contour_MSS) * radius / np.float32(EDGE_PX) + 0.5, 0, 1)
    rim_MSS = 1 - column(nuclei.clearing) * np.clip(1.1 - contour_MSS**2, 0, 1)
    spot2_MSS = (u_MSS - column(0.25 * spot_u)) ** 2 + (v_MSS - column(0.25 * spot_v)) ** 2
    spot_MSS = column(nuclei.nucleolus) * np.exp(-spot2_MSS / 0.08)
    return cover_MSS * (column(nuclei.darkness) * rim_MSS + spot_MSS)
