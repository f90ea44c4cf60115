"""Tissue drawn from a latent grade: architecture, nuclei, stain.

The grade (0 benign, 1 malignant) changes only the epithelial cells: they become larger, darker,
more crowded and more varied. Architecture, stain and lymphocytes vary independently of the grade,
so most differences between two patches carry no information on their class.

Shape letters: see `architecture.py`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from rlsel.data.phantom.architecture import Architecture, PerImage, Stack, draw_architecture
from rlsel.data.phantom.architecture import per_pixel as wide
from rlsel.data.phantom.cells import Attributes, draw_attributes, scatter_nuclei
from rlsel.data.phantom.nuclei import stamp_nuclei

OVERSAMPLING = 2
CHUNK = 64
"""Images drawn at a time. It bounds the memory, and larger stacks do not fit the CPU cache."""

# Optical density of red, green and blue per unit of stain. Eosin is that of Macenko et al. 2009,
# whose vectors stain normalisers use as their target. Haematoxylin is midway between theirs and
# that of Ruifrok and Johnston 2001, which is bluer.
HAEMATOXYLIN = np.array([0.61, 0.71, 0.34])
EOSIN = np.array([0.2159, 0.8012, 0.5581])


@dataclass(frozen=True)
class Look:
    """Settings of the drawing that do not depend on the class."""

    um_per_px: float
    attribute_spread: float
    stain_spread: float


def draw_tissue(
    grade_N: PerImage, size_px: int, look: Look, rng: np.random.Generator
) -> UInt8[np.ndarray, "n size size 3"]:
    """One square RGB patch for each grade."""
    if not len(grade_N):
        return np.zeros((0, size_px, size_px, 3), np.uint8)
    starts = range(0, len(grade_N), CHUNK)
    return np.concatenate(
        [_draw_chunk(grade_N[start : start + CHUNK], size_px, look, rng) for start in starts]
    )


def _draw_chunk(
    grade_N: PerImage, size_px: int, look: Look, rng: np.random.Generator
) -> np.ndarray:
    side = size_px * OVERSAMPLING
    shape = (len(grade_N), side, side)
    px_per_um = OVERSAMPLING / look.um_per_px
    tissue = draw_architecture(shape, px_per_um, rng)
    cells = draw_attributes(grade_N, look.attribute_spread, rng)
    nuclei = scatter_nuclei(tissue, cells, px_per_um, rng)
    nuclear_NHW = stamp_nuclei(nuclei, shape, rng)
    nuclear_NHW *= 1 + wide(np.clip(cells.coarseness, 0, None)) * tissue.grain
    haematoxylin_NHW, eosin_NHW = _stain(tissue, cells, nuclear_NHW, rng)
    return _photograph(haematoxylin_NHW, eosin_NHW, look.stain_spread, rng)


def _stain(
    tissue: Architecture, cells: Attributes, nuclear_NHW: Stack, rng: np.random.Generator
) -> tuple[Stack, Stack]:
    """Haematoxylin and eosin of nuclei, cytoplasm and stroma; none in lumen and clefts."""
    n = len(nuclear_NHW)
    inside_NHW, outside_NHW = tissue.epithelium, 1 - tissue.epithelium
    solid_NHW = (1 - tissue.lumen) * (1 - tissue.clefts * outside_NHW)
    texture_NHW = 1 + 0.11 * tissue.mottle + 0.09 * tissue.grain
    cytoplasm_NHW = inside_NHW * wide(rng.normal(0.50, 0.08, n)) * texture_NHW
    collagen_NHW = (
        outside_NHW * wide(rng.normal(0.72, 0.10, n)) * (texture_NHW + 0.3 * tissue.fibres)
    )
    nucleus_NHW = np.clip(2 * nuclear_NHW, 0, 1)
    eosin_NHW = (cytoplasm_NHW + collagen_NHW) * solid_NHW * (1 - 0.45 * nucleus_NHW)
    basophilia_NHW = inside_NHW * wide(cells.cytoplasm) * (1 + 0.2 * tissue.mottle)
    haematoxylin_NHW = np.maximum((0.06 + basophilia_NHW) * solid_NHW, nuclear_NHW)
    return haematoxylin_NHW, np.clip(eosin_NHW, 0.015, None)


def _photograph(
    haematoxylin_NHW: Stack, eosin_NHW: Stack, spread: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "n size size 3"]:
    """Beer-Lambert law: light falls off exponentially with stain. Light is averaged, not stain."""
    n, side, _ = haematoxylin_NHW.shape
    strength_2N1 = np.exp(rng.normal(0, spread, (2, n, 1)))
    hue_2N3 = np.exp(rng.normal(0, spread / 4, (2, n, 3)))
    colour_2N3 = strength_2N1 * hue_2N3 * np.stack((HAEMATOXYLIN, EOSIN))[:, None]
    size = side // OVERSAMPLING
    light_NHW3 = np.stack(
        [
            np.exp(-haematoxylin_NHW * wide(of_h_N) - eosin_NHW * wide(of_e_N))
            .reshape(n, size, OVERSAMPLING, size, OVERSAMPLING)
            .mean((2, 4))
            for of_h_N, of_e_N in np.moveaxis(colour_2N3, 2, 0)
        ],
        axis=-1,
    )
    light_NHW3 *= wide(rng.uniform(0.94, 0.99, n))[..., None]
    light_NHW3 += 0.01 * rng.standard_normal(light_NHW3.shape, dtype=np.float32)
    return (np.clip(light_NHW3, 0, 1) * 255 + 0.5).astype(np.uint8)
