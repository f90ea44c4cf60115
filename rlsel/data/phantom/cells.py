"""Cells: how the grade changes them, where their nuclei lie, and how each nucleus looks.

Shape letters: see `architecture.py`; K points of a lattice.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from rlsel.data.phantom.architecture import Architecture, PerImage
from rlsel.data.phantom.nuclei import Nuclei

MARGIN_UM = 6.0
"""How far outside the patch a nucleus may lie and still reach into it."""
LUMEN_BORDER = 0.25
"""Width of the zone around a lumen without nuclei, in standard deviations of the field."""


@dataclass(frozen=True)
class Attributes:
    """Attributes of the epithelial cells, which depend on the grade of the image."""

    spacing_um: PerImage
    radius_um: PerImage
    size_variation: PerImage
    """Standard deviation of the logarithm of the radius."""
    elongation: PerImage
    """Typical excess of the long over the short axis."""
    irregularity: PerImage
    darkness: PerImage
    darkness_variation: PerImage
    clearing: PerImage
    nucleolus: PerImage
    coarseness: PerImage
    """Grain of the chromatin."""
    cytoplasm: PerImage
    """Haematoxylin of the cytoplasm."""


# Value at grade 0 (benign) and at grade 1 (malignant). Benign cells are 9 um apart, with nuclei of
# 6 um, round and alike; malignant ones crowd, and no two nuclei are the same.
RANGES: dict[str, tuple[float, float]] = {
    "spacing_um": (9.3, 7.6),
    "radius_um": (2.9, 3.9),
    "size_variation": (0.10, 0.26),
    "elongation": (0.22, 0.50),
    "irregularity": (0.03, 0.16),
    "darkness": (0.95, 1.35),
    "darkness_variation": (0.06, 0.22),
    "clearing": (0.25, 0.45),
    "nucleolus": (-0.20, 0.70),
    "coarseness": (0.06, 0.20),
    "cytoplasm": (0.14, 0.28),
}


def draw_attributes(grade_N: PerImage, spread: float, rng: np.random.Generator) -> Attributes:
    """Each attribute follows the grade, with independent noise of `spread` in units of grade."""

    def along(at_0: float, at_1: float) -> np.ndarray:
        strayed_N = grade_N + rng.normal(0, spread, len(grade_N))
        # Beyond these limits the drawing breaks down: nuclei vanish, or fill the patch.
        return at_0 + (at_1 - at_0) * np.clip(strayed_N, -0.25, 1.25)

    return Attributes(**{name: along(*ends) for name, ends in RANGES.items()})


def scatter_nuclei(
    tissue: Architecture, cells: Attributes, px_per_um: float, rng: np.random.Generator
) -> Nuclei:
    """Epithelial nuclei as `cells` says, spindle cells along the fibres, and some lymphocytes."""
    side = tissue.field.shape[-1]
    image, y, x = _jittered_lattice(cells.spacing_um * px_per_um, side, MARGIN_UM * px_per_um, rng)
    m = len(image)
    row, column = (np.clip(place, 0, side - 1).astype(np.int64) for place in (y, x))
    field = tissue.field[image, row, column]
    epithelial = field > tissue.epithelium_from[image]
    infiltration = rng.beta(0.6, 3.0, len(cells.spacing_um))[image]
    lymphocyte = rng.random(m) < infiltration * np.where(epithelial, 0.35, 1.0)
    spindle = ~epithelial & ~lymphocyte
    present = (field < tissue.lumen_from[image] - LUMEN_BORDER) & (~spindle | (rng.random(m) < 0.5))

    def normal() -> np.ndarray:
        return rng.normal(0, 1, m)

    def of_kind(epithelial_value: np.ndarray, of_spindle: float, of_lymphocyte: float):
        others = np.where(spindle, of_spindle, of_lymphocyte) * np.exp(0.12 * normal())
        return np.where(spindle | lymphocyte, others, epithelial_value)

    radius_um = cells.radius_um[image] * np.exp(cells.size_variation[image] * normal())
    elongation = 1 + np.abs(normal()) * cells.elongation[image]
    darkness = cells.darkness[image] + cells.darkness_variation[image] * normal()
    clearing = np.clip(cells.clearing[image] + 0.12 * normal(), 0, 0.7)
    nucleolus = np.clip(cells.nucleolus[image] + 0.15 * normal(), 0, 0.8)
    along_fibres = tissue.fibre_angle[image] + 0.25 * normal()
    return Nuclei(
        image=image,
        y=y,
        x=x,
        radius=np.clip(of_kind(radius_um, 2.0, 2.3), 1.4, 6.5) * px_per_um,
        elongation=np.clip(of_kind(elongation, 3.2, 1.08), 1, 4.5),
        angle=np.where(spindle, along_fibres, rng.uniform(0, np.pi, m)),
        irregularity=of_kind(np.clip(cells.irregularity[image], 0, None), 0.05, 0.03),
        darkness=np.clip(of_kind(darkness, 1.1, 1.55), 0.5, 2.0),
        clearing=of_kind(clearing, 0.1, 0.08),
        nucleolus=of_kind(nucleolus, 0.0, 0.0),
    ).take(present)


def _jittered_lattice(
    spacing_N: PerImage, size_px: int, margin_px: float, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Points about `spacing_N` apart in each image: nuclei crowd, but seldom overlap.

    Returns:
        image, y and x of each point; y and x lie in [-margin_px, size_px + margin_px].
    """
    reach = size_px / 2 + margin_px
    steps = int(np.ceil(2**0.5 * reach / float(spacing_N.min()))) + 1
    row, column = np.mgrid[-steps : steps + 1, -steps : steps + 1].astype(np.float64)
    hexagonal_2K = np.stack(((row * 3**0.5 / 2).ravel(), (column + row % 2 / 2).ravel()))
    n, k = len(spacing_N), hexagonal_2K.shape[1]
    jitter_N2K = rng.normal(0, 0.16, (n, 2, k)) + rng.uniform(-0.5, 0.5, (n, 2, 1))
    y_NK, x_NK = np.moveaxis((hexagonal_2K + jitter_N2K) * spacing_N[:, None, None], 1, 0)
    turn_N1 = rng.uniform(0, np.pi / 3, (n, 1))
    cos_N1, sin_N1 = np.cos(turn_N1), np.sin(turn_N1)
    y_NK, x_NK = cos_N1 * y_NK + sin_N1 * x_NK, cos_N1 * x_NK - sin_N1 * y_NK
    image, point = np.nonzero(np.maximum(np.abs(y_NK), np.abs(x_NK)) <= reach)
    return image, y_NK[image, point] + size_px / 2, x_NK[image, point] + size_px / 2
