"""Nuclei, and their haematoxylin on the canvas.

Shape letters: see `architecture.py`.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from rlsel.data.phantom.architecture import Shape, Stack, per_pixel

PerNucleus = Float[np.ndarray, " m"]
EDGE_PX = 1.3
"""Width of a nucleus's border in drawing pixels."""


@dataclass(frozen=True)
class Nuclei:
    """All nuclei of a stack of images, one row each; lengths in drawing pixels."""

    image: Int[np.ndarray, " m"]
    y: PerNucleus
    x: PerNucleus
    radius: PerNucleus
    """Radius of the circle with the same area."""
    elongation: PerNucleus
    """Long axis divided by short axis, 1 or more."""
    angle: PerNucleus
    """Radians."""
    irregularity: PerNucleus
    """Amplitude of the bumps of the contour, a share of the radius."""
    darkness: PerNucleus
    """Haematoxylin at the rim."""
    clearing: PerNucleus
    """How much paler the middle is than the rim, 0 to 1: open chromatin."""
    nucleolus: PerNucleus
    """Haematoxylin that the nucleolus adds."""

    def __len__(self) -> int:
        return len(self.image)

    def take(self, which: np.ndarray) -> "Nuclei":
        return Nuclei(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @property
    def reach(self) -> PerNucleus:
        """Largest distance from the centre that a nucleus covers; very rare bumps reach farther."""
        long_axis = self.radius * np.sqrt(self.elongation)
        return long_axis * (1 + 2 * self.irregularity) + EDGE_PX


def stamp_nuclei(nuclei: Nuclei, shape: Shape, rng: np.random.Generator) -> Stack:
    """Haematoxylin of the nuclei alone; where two overlap, the darker one shows."""
    n, height, width = shape
    half = int(np.ceil(nuclei.reach.max(initial=1)))
    # The border is so wide that the stamp of a nucleus outside the patch stays on the canvas.
    border = 3 * half + int(np.ceil(max(_overhang(nuclei.y, height), _overhang(nuclei.x, width))))
    canvas_NHW = np.zeros((n, height + 2 * border, width + 2 * border), np.float32)
    # Small nuclei get small stamps, because pixels outside the contour take most of the time.
    uppers = np.quantile(nuclei.reach, (0.3, 0.6, 0.85, 1)) if len(nuclei) else np.zeros(0)
    size_M = np.searchsorted(uppers, nuclei.reach)
    for size, upper in enumerate(uppers):
        if (size_M == size).any():
            _stamp(canvas_NHW, nuclei.take(size_M == size), int(np.ceil(upper)), border, rng)
    return canvas_NHW[:, border : border + height, border : border + width]


def _overhang(place_M: PerNucleus, size: int) -> float:
    return float(max(-place_M.min(initial=0), place_M.max(initial=0) - size, 0))


def _stamp(
    canvas_NHW: np.ndarray, nuclei: Nuclei, half: int, border: int, rng: np.random.Generator
) -> None:
    row_M, column_M = np.floor(nuclei.y).astype(np.int64), np.floor(nuclei.x).astype(np.int64)
    offset_S = np.arange(-half, half + 1)
    dy_MS = (offset_S - (nuclei.y - row_M)[:, None]).astype(np.float32)
    dx_MS = (offset_S - (nuclei.x - column_M)[:, None]).astype(np.float32)
    density_MSS = _density(nuclei, dy_MS[:, :, None], dx_MS[:, None, :], rng)
    _, rows, columns = canvas_NHW.shape
    row_MS = nuclei.image[:, None] * rows + row_M[:, None] + offset_S + border
    column_MS = column_M[:, None] + offset_S + border
    place_MSS = row_MS[:, :, None] * columns + column_MS[:, None, :]
    covered_MSS = density_MSS > 0
    np.maximum.at(canvas_NHW.reshape(-1), place_MSS[covered_MSS], density_MSS[covered_MSS])


def _density(
    nuclei: Nuclei, dy_MS1: np.ndarray, dx_M1S: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "m s s"]:
    """Haematoxylin at these offsets from the centres, in coordinates of a unit circle (u, v)."""
    stretch = per_pixel(np.sqrt(nuclei.elongation))
    radius, angle = per_pixel(nuclei.radius), per_pixel(nuclei.angle)
    u_MSS = (np.cos(angle) * dx_M1S + np.sin(angle) * dy_MS1) / (radius * stretch)
    v_MSS = (np.cos(angle) * dy_MS1 - np.sin(angle) * dx_M1S) * (stretch / radius)
    u2_MSS, v2_MSS = u_MSS * u_MSS, v_MSS * v_MSS
    rho2_MSS = u2_MSS + v2_MSS + np.float32(1e-6)
    rho_MSS = np.sqrt(rho2_MSS)
    bump3, bump2, spot_u, spot_v = map(per_pixel, rng.normal(0, 1, (4, len(nuclei))))
    # sin(3 angle) and sin(2 angle) / 2, written in u and v because that is faster.
    bumps_MSS = bump3 * v_MSS * (3 * u2_MSS - v2_MSS) / (rho_MSS * rho2_MSS)
    bumps_MSS += bump2 * u_MSS * v_MSS / rho2_MSS
    bulge_MSS = np.clip(per_pixel(nuclei.irregularity) * bumps_MSS, -0.45, 0.45)
    contour_MSS = rho_MSS / (1 + bulge_MSS)
    cover_MSS = np.clip((1 - contour_MSS) * radius / EDGE_PX + 0.5, 0, 1)
    rim_MSS = 1 - per_pixel(nuclei.clearing) * np.clip(1.1 - contour_MSS**2, 0, 1)
    spot2_MSS = (u_MSS - 0.25 * spot_u) ** 2 + (v_MSS - 0.25 * spot_v) ** 2
    spot_MSS = per_pixel(nuclei.nucleolus) * np.exp(-spot2_MSS / 0.08)
    return cover_MSS * (per_pixel(nuclei.darkness) * rim_MSS + spot_MSS)
