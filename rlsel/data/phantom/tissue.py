"""Tissue drawn from a latent grade: architecture, nuclei, stain.

A smooth field cuts the plane into stroma, epithelium and lumen, one inside the other as in
glands. The grade (0 benign, 1 malignant) changes the epithelium and its nuclei: larger, darker,
more crowded, more varied. Architecture, stain, and lymphocytes vary whatever the grade, so most
of what differs between two patches says nothing of their class.

Shape letters: see `texture.py`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from rlsel.data.phantom.nuclei import Nuclei, jittered_lattice, stamp_nuclei
from rlsel.data.phantom.texture import smooth_noise, wavy_fibres

OVERSAMPLING = 2
CHUNK = 64
"""Images drawn at a time; bounds memory, and a stack of this size fits the cache best."""

# Optical density of red, green and blue per unit of stain. Eosin as in Macenko et al. 2009, whose
# vectors stain normalisers use as their target; haematoxylin midway to that of Ruifrok and
# Johnston 2001, which is bluer.
HAEMATOXYLIN = np.array([0.61, 0.71, 0.34])
EOSIN = np.array([0.2159, 0.8012, 0.5581])


@dataclass(frozen=True)
class Look:
    """How tissue is drawn whatever its class."""

    um_per_px: float
    attribute_spread: float
    """How far each attribute strays from its grade: 0 never, 1 as much as the grade reaches."""
    stain_spread: float
    """Image-to-image variation of the stains, as a share of their strength."""


def draw_tissue(
    grade_N: Float[np.ndarray, " n"], size_px: int, look: Look, rng: np.random.Generator
) -> UInt8[np.ndarray, "n h w 3"]:
    """One square RGB patch for each grade."""
    chunks = [grade_N[start : start + CHUNK] for start in range(0, len(grade_N), CHUNK)]
    if not chunks:
        return np.zeros((0, size_px, size_px, 3), np.uint8)
    return np.concatenate([_draw_chunk(grade, size_px, look, rng) for grade in chunks])


def _draw_chunk(
    grade_N: np.ndarray, size_px: int, look: Look, rng: np.random.Generator
) -> np.ndarray:
    n, side = len(grade_N), size_px * OVERSAMPLING
    shape = (n, side, side)
    px_per_um = OVERSAMPLING / look.um_per_px

    def attribute(at_0: float, at_1: float) -> np.ndarray:
        """(n,) values, from `at_0` at grade 0 to `at_1` at grade 1, each straying by itself."""
        stray_N = rng.normal(0, look.attribute_spread, n)
        return at_0 + (at_1 - at_0) * np.clip(grade_N + stray_N, -0.25, 1.25)

    # Architecture: nested level sets of one field.
    field_NHW = smooth_noise(shape, 6.0 * px_per_um, rng)
    lumen_share_N = np.where(rng.random(n) < 0.45, rng.uniform(0.02, 0.3, n), 0.0)
    stroma_share_N = rng.uniform(0.0, 0.65, n) * (1 - lumen_share_N)
    epithelium_from_N = _level(field_NHW, stroma_share_N)
    lumen_from_N = _level(field_NHW, 1 - lumen_share_N) + np.where(lumen_share_N > 0, 0, 9)
    angle_N = rng.uniform(0, np.pi, n)
    fibres_NHW = wavy_fibres(shape, angle_N, 4.5 * px_per_um, rng)
    grain_NHW = smooth_noise(shape, 0.6 * px_per_um, rng)
    mottle_NHW = smooth_noise(shape, 2.2 * px_per_um, rng)

    def wide(values_N: np.ndarray) -> np.ndarray:
        return values_N.astype(np.float32)[:, None, None]

    ragged_NHW = field_NHW + 0.06 * mottle_NHW
    epithelium_NHW = _step(ragged_NHW - wide(epithelium_from_N), 0.10)
    lumen_NHW = _step(ragged_NHW - wide(lumen_from_N), 0.07)
    clefts_NHW = _step(-fibres_NHW + 0.35 * mottle_NHW - wide(rng.normal(1.05, 0.2, n)), 0.12)

    # Nuclei.
    spacing_N = attribute(9.3, 7.6) * px_per_um
    image, y, x = jittered_lattice(spacing_N, side, 6 * px_per_um, rng)
    row = np.clip(y, 0, side - 1).astype(int)
    column = np.clip(x, 0, side - 1).astype(int)
    at_M = field_NHW[image, row, column]
    in_epithelium_M = at_M > epithelium_from_N[image]
    in_lumen_M = at_M > lumen_from_N[image] - 0.25
    lymphocytes_N = rng.beta(0.6, 3.0, n)
    draw_M = rng.random(len(image))
    lymphocyte_M = draw_M < lymphocytes_N[image] * np.where(in_epithelium_M, 0.35, 1)
    spindle_M = ~in_epithelium_M & ~lymphocyte_M
    kept_M = ~in_lumen_M & ~(spindle_M & (rng.random(len(image)) < 0.5))
    m = len(image)
    size_cv_N = np.clip(attribute(0.10, 0.26), 0.03, None)
    radius = attribute(2.9, 3.9)[image] * np.exp(size_cv_N[image] * rng.normal(0, 1, m))
    elongation = 1 + np.abs(rng.normal(0.15, 1, m)) * attribute(0.22, 0.5)[image]
    irregularity = attribute(0.03, 0.16)[image]
    darkness = attribute(0.95, 1.35)[image] + rng.normal(0, 1, m) * attribute(0.06, 0.22)[image]
    clearing = np.clip(attribute(0.25, 0.45)[image] + rng.normal(0, 0.12, m), 0, 0.7)
    nucleolus = np.clip(attribute(-0.2, 0.7)[image] + rng.normal(0, 0.15, m), 0, 0.8)
    angle = rng.uniform(0, np.pi, m)

    def mixed(spindle: float, lymphocyte: float, epithelial: np.ndarray, spread: float):
        other = np.where(spindle_M, spindle, lymphocyte) * np.exp(spread * rng.normal(0, 1, m))
        return np.where(spindle_M | lymphocyte_M, other, epithelial)

    nuclei = Nuclei(
        image=image,
        y=y,
        x=x,
        radius=np.clip(mixed(2.0, 2.3, radius, 0.12), 1.4, 6.5) * px_per_um,
        elongation=np.clip(mixed(3.2, 1.08, elongation, 0.15), 1, 4.5),
        angle=np.where(spindle_M, angle_N[image] + rng.normal(0, 0.25, m), angle),
        irregularity=mixed(0.05, 0.03, irregularity, 0.1),
        darkness=np.clip(mixed(1.1, 1.55, darkness, 0.1), 0.5, 2.0),
        clearing=mixed(0.1, 0.08, clearing, 0.1),
        nucleolus=mixed(0.0, 0.0, nucleolus, 0.1),
    ).take(kept_M)
    nuclear_NHW = stamp_nuclei(nuclei, shape, rng)
    nuclear_NHW *= 1 + wide(np.clip(attribute(0.06, 0.2), 0, None)) * grain_NHW
    cover_NHW = np.clip(nuclear_NHW / 0.5, 0, 1)

    # Stain.
    solid_NHW = (1 - lumen_NHW) * (1 - clefts_NHW * (1 - epithelium_NHW))
    cytoplasm_h_N = attribute(0.14, 0.28)
    cytoplasm_e_N = rng.normal(0.50, 0.08, n)
    stroma_e_N = rng.normal(0.72, 0.10, n)
    eosin_NHW = epithelium_NHW * wide(cytoplasm_e_N) * (1 + 0.12 * mottle_NHW + 0.1 * grain_NHW)
    eosin_NHW += (
        (1 - epithelium_NHW)
        * wide(stroma_e_N)
        * (1 + 0.30 * fibres_NHW + 0.10 * mottle_NHW + 0.08 * grain_NHW)
    )
    eosin_NHW = np.clip(eosin_NHW * solid_NHW * (1 - 0.45 * cover_NHW), 0.015, None)
    base_h_NHW = 0.06 + epithelium_NHW * wide(cytoplasm_h_N) * (1 + 0.2 * mottle_NHW)
    haematoxylin_NHW = np.maximum(base_h_NHW * solid_NHW, nuclear_NHW)
    return _stain(haematoxylin_NHW, eosin_NHW, look.stain_spread, rng)


def _level(field_NHW: np.ndarray, share_N: np.ndarray) -> np.ndarray:
    """(n,) the value that a share `share_N` of each field lies below."""
    sorted_NP = np.sort(field_NHW[:, ::4, ::4].reshape(len(field_NHW), -1), axis=1)
    place_N = np.floor(share_N * (sorted_NP.shape[1] - 1)).astype(int)
    return sorted_NP[np.arange(len(field_NHW)), place_N]


def _step(values: np.ndarray, softness: float) -> np.ndarray:
    return np.clip(0.5 + values / (2 * softness), 0, 1).astype(np.float32)


def _stain(
    haematoxylin_NHW: np.ndarray,
    eosin_NHW: np.ndarray,
    spread: float,
    rng: np.random.Generator,
) -> np.ndarray:
    n, side, _ = haematoxylin_NHW.shape
    strength_2N = np.exp(rng.normal(0, spread, (2, n)))
    hue_2N3 = np.stack((HAEMATOXYLIN, EOSIN))[:, None] * np.exp(
        rng.normal(0, 0.25 * spread, (2, n, 3))
    )
    colour_2N3 = (strength_2N[..., None] * hue_2N3).astype(np.float32)
    density_NHW3 = (
        haematoxylin_NHW[..., None] * colour_2N3[0][:, None, None]
        + eosin_NHW[..., None] * colour_2N3[1][:, None, None]
    )
    light_NHW3 = np.exp(-density_NHW3)
    size = side // OVERSAMPLING
    light_NHW3 = light_NHW3.reshape(n, size, OVERSAMPLING, size, OVERSAMPLING, 3).mean((2, 4))
    white_N = rng.uniform(0.94, 0.99, n).astype(np.float32)
    light_NHW3 = light_NHW3 * white_N[:, None, None, None]
    light_NHW3 += 0.01 * rng.standard_normal(light_NHW3.shape, dtype=np.float32)
    return (np.clip(light_NHW3, 0, 1) * 255 + 0.5).astype(np.uint8)
