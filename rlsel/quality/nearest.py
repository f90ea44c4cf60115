"""The samples of a set that are nearest to each of many others, sought block by block.

Shape letters: M samples of the set, V views of a sample, B samples looked at together, F size of a
descriptor, K nearest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rlsel.machine.progress import progress_bar

NUM_NEAREST = 16
"""Samples that are found for each. Where half of a set is of one kind by the toss of a coin, all
that are found are of one kind with a chance of 2^-15."""
BLOCK = 128
"""Images compared at once; bounds memory to BLOCK x 8 views x training images."""
SPARE = 6
"""So many more of the nearest are looked at exactly than are asked for, since the first look, in
float32, may put two of nearly equal distance in the wrong order."""
Views = Callable[[slice], Float[np.ndarray, "v b f"]]
"""Some consecutive samples as descriptors, in one view or several."""


def nearest_of(
    views: Views, num: int, targets: Sequence[np.ndarray], what: str = "copies"
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each target: indices of its images that are nearest to each of `num` samples, and the
    distances to them, nearest first.

    There are `NUM_NEAREST` of them, or as many as the target has.

    Raises:
        ValueError: a target has fewer than two images.
    """
    for target_MF in targets:
        if len(target_MF) < 2:
            raise ValueError(f"{len(target_MF)} images to compare with: distances need two")
    sets = [_Target.of(target_MF) for target_MF in targets]
    found = []
    with progress_bar(what, num, after_s=5.0) as bar:
        for part in blocks(num):
            views_VBF = views(part)
            found.append([_nearest(views_VBF, target) for target in sets])
            bar.advance(views_VBF.shape[1])
    return [
        (np.concatenate([nearest for nearest, _ in of]), np.concatenate([gap for _, gap in of]))
        for of in zip(*found, strict=True)
    ]


@dataclass(frozen=True)
class _Target:
    """A set that is compared with, and what the first look at distances to it needs."""

    samples_MF: Float[np.ndarray, "m f"]
    origin_F: Float[np.ndarray, " f"]
    """Rounding grows with the distance from the origin, so the origin is put among the samples."""
    products_FM: Float[np.ndarray, "f m"]
    squares_M: Float[np.ndarray, " m"]

    @staticmethod
    def of(samples_MF: Float[np.ndarray, "m f"]) -> "_Target":
        origin_F = samples_MF.mean(axis=0)
        centred_MF = (samples_MF - origin_F).astype(np.float32)
        return _Target(samples_MF, origin_F, -2.0 * centred_MF.T, (centred_MF**2).sum(axis=1))

    def squared_distances(self, x_NF: Float[np.ndarray, "n f"]) -> Float[np.ndarray, "n m"]:
        """By dot products in float32, so they are off by rounding."""
        centred_NF = (x_NF - self.origin_F).astype(np.float32)
        squared_NM = centred_NF @ self.products_FM
        squared_NM += (centred_NF**2).sum(axis=1)[:, None]
        squared_NM += self.squares_M
        return squared_NM


def _nearest(
    views_VBF: Float[np.ndarray, "v b f"], target: _Target
) -> tuple[np.ndarray, np.ndarray]:
    num_views, num_images, size = views_VBF.shape
    k = min(NUM_NEAREST, len(target.samples_MF))
    first = min(k + SPARE, len(target.samples_MF))
    rows_XF = views_VBF.reshape(num_views * num_images, size)
    rough_VBM = target.squared_distances(rows_XF).reshape(num_views, num_images, -1)
    nearest_BK = np.argpartition(rough_VBM.min(axis=0), first - 1, axis=1)[:, :first]
    view_BK = np.take_along_axis(rough_VBM, nearest_BK[None], axis=2).argmin(axis=0)
    # Those few once more by differences: dot products do not put an exact copy at 0.
    gap_BKF = views_VBF[view_BK, np.arange(num_images)[:, None]] - target.samples_MF[nearest_BK]
    distance_BK = np.linalg.norm(gap_BKF, axis=-1)
    order_BK = distance_BK.argsort(axis=1, kind="stable")[:, :k]
    return (
        np.take_along_axis(nearest_BK, order_BK, axis=1).astype(np.int32),
        np.take_along_axis(distance_BK, order_BK, axis=1),
    )


def whole(views: Views, num: int) -> Float[np.ndarray, "n f"]:
    """The first view of all samples."""
    return np.concatenate([views(part)[0] for part in blocks(num)])


def blocks(num_images: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, num_images, BLOCK))
