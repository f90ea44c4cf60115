"""The kinds of image that are added to real ones: five faults and two controls.

Each is made of the same fresh images, place by place, so that kinds differ in the fault alone. Each
fault has one strength, stated here. Shape letters: N images, H rows, W columns, S stains.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom.faults import near_duplicate
from rlsel.pool.planted import blur, noise_like

BLUR_PX = 2.0
"""Standard deviation of the blur: at 32 px a nucleus of PCam is about 3 px wide."""
STAIN_TIMES = (0.5, 1.75, 1.0)
"""What haematoxylin, eosin and the residue are multiplied by: pale nuclei on a strong pink."""
STAINS_S3 = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
"""Optical density of each in red, green and blue. Source: Ruifrok & Johnston 2001."""
ORIGINALS_PER_CLASS = 10
"""Fresh images that near duplicates repeat."""

Images = UInt8[np.ndarray, "n h w 3"]


@dataclass(frozen=True)
class Added:
    """What joins the real images, in order: a smaller dose is the beginning of a larger."""

    images_NHW3: Images
    labels_N: Int[np.ndarray, " n"]


def add_good(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """Fresh images with their own labels."""
    return Added(fresh.images, fresh.labels)


def repeat_real(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """The real images themselves once more: nothing new, but as many steps of training."""
    shuffled = real.take(rng.permutation(len(real)))
    rows_N = take_in_turn(shuffled.labels, fresh.labels)
    return Added(shuffled.images[rows_N], fresh.labels)


def mislabel(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """Fresh images, untouched, each with the label of the next class."""
    return Added(fresh.images, (fresh.labels + 1) % fresh.num_classes)


def blur_all(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    return Added(np.stack([blur(image, BLUR_PX) for image in fresh.images]), fresh.labels)


def shift_stain(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """All alike, as by another laboratory: each stain's optical density times its factor."""
    stains_S3 = STAINS_S3 / np.linalg.norm(STAINS_S3, axis=1, keepdims=True)
    density_NHW3 = -np.log(np.clip(fresh.images, 1, 255) / 255)
    amount_NHWS = density_NHW3 @ np.linalg.inv(stains_S3) * STAIN_TIMES
    shifted_NHW3 = 255 * np.exp(-amount_NHWS @ stains_S3)
    return Added(np.clip(np.rint(shifted_NHW3), 0, 255).astype(np.uint8), fresh.labels)


def drown_in_noise(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """Random pixels with each image's own mean and spread of colour: no tissue is left."""
    return Added(np.stack([noise_like(image, rng) for image in fresh.images]), fresh.labels)


def repeat_few(fresh: ImageSet, real: ImageSet, rng: np.random.Generator) -> Added:
    """The first `ORIGINALS_PER_CLASS` fresh images of each class again and again, jittered."""
    rows_N = take_in_turn(fresh.labels, fresh.labels, ORIGINALS_PER_CLASS)
    return Added(near_duplicate(fresh.images[rows_N], rng), fresh.labels)


def take_in_turn(
    labels_M: Int[np.ndarray, " m"], wanted_N: Int[np.ndarray, " n"], per_class: int | None = None
) -> Int[np.ndarray, " n"]:
    """For each wanted label a place in `labels_M` that has it, in turn and then over again.

    Args:
        per_class: Use only the first so many places of each label.
    """
    places_N = np.empty(len(wanted_N), np.int64)
    for label in np.unique(wanted_N):
        members = np.flatnonzero(labels_M == label)[:per_class]
        wanted = wanted_N == label
        places_N[wanted] = np.resize(members, wanted.sum())
    return places_N


Make = Callable[[ImageSet, ImageSet, np.random.Generator], Added]
CONTROLS: dict[str, Make] = {"good": add_good, "real_again": repeat_real}
FAULTS: dict[str, Make] = {
    "wrong_label": mislabel,
    "blurred": blur_all,
    "stain_shift": shift_stain,
    "noise": drown_in_noise,
    "near_duplicate": repeat_few,
}
KINDS = CONTROLS | FAULTS
