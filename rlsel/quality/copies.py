"""Memorisation audit: is a candidate a slightly changed training image?

Shape letters: N candidates, H held-out images, M training images, V views (mirrored and turned),
K neighbours, F size of a descriptor, B images compared at once, C classes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from sklearn.preprocessing import normalize

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.image_set import ImageSet
from rlsel.data.kinds import known
from rlsel.data.samples import SampleSet
from rlsel.quality.nearest import Views, nearest_of, whole

GRID = 8
"""Grid cells along the shorter side of an image; coarser than noise, blur and tissue cells."""
NUM_NEIGHBOURS = 10
COPY_RATIO = 0.5
"""A copy is at most half as far from its original as from its next neighbours (Carlini et al.)."""
HELD_OUT_QUANTILE = 0.01
NUM_DEALS = 99


@dataclass(frozen=True)
class Nearness:
    """How near images come to the training images in one space."""

    nearest: Int[np.ndarray, " n"]
    """Index of the nearest training image."""
    distance: Float[np.ndarray, " n"]
    """Distance to that image; 0 for an exact copy."""
    relative: Float[np.ndarray, " n"]
    """`distance` over the mean distance to the next `NUM_NEIGHBOURS`, in [0, 1]. The ratio makes
    plain tissue, which is near to many images, comparable with rich tissue, which is near to none.
    1 if all of these distances are equal."""


@dataclass(frozen=True)
class SpaceAudit:
    """Candidates against training images in one space, with held-out images as the reference."""

    candidates: Nearness
    held_out: Nearness
    lean: Float[np.ndarray, " n"]
    """d / (d + d'), where d is the distance to the nearest training image and d' that to the
    nearest of as many held-out images. It is 0 for a copy. Without copying it is about 0.5, for
    typical and for unusual images."""
    lean_by_luck: Float[np.ndarray, "r n"]
    """`lean` after exchanging training and held-out images at random, `NUM_DEALS` times."""
    threshold: Float[np.ndarray, " c"]
    """Per class, the largest `relative` that is flagged."""
    flagged: Bool[np.ndarray, " n"]
    """Candidates that are nearer to one training image than new images are."""
    held_out_flagged: Bool[np.ndarray, " h"]
    """Held-out images flagged by the same rule: false alarms, or images that two splits share."""


@dataclass(frozen=True)
class CopyAudit:
    """The findings of the audit on every candidate."""

    labels: Int[np.ndarray, " n"]
    held_out_labels: Int[np.ndarray, " h"]
    content: SpaceAudit
    """The audit in the space of the samples themselves: pixels, or the values of an embedding."""
    features: SpaceAudit | None = None
    """The audit in the features of an extractor; None if there are none besides the content."""
    content_name: str = "pixels"
    """The name of the space of `content`."""

    @property
    def flagged(self) -> Bool[np.ndarray, " n"]:
        """Near-copies, by content alone.

        Features do not decide, because a classifier need not recognise a mirrored image.
        """
        return self.content.flagged

    @property
    def spaces(self) -> dict[str, SpaceAudit]:
        audits = {self.content_name: self.content, "features": self.features}
        return {name: audit for name, audit in audits.items() if audit is not None}

    def share_flagged(self, mask: Bool[np.ndarray, " n"] | None = None) -> float:
        """Share of near-copies among the candidates of a mask, or all; NaN for an empty mask."""
        flagged = self.flagged if mask is None else self.flagged[mask]
        return float(flagged.mean()) if len(flagged) else float("nan")


def audit_copies(
    candidates: SampleSet,
    train: SampleSet,
    held_out: SampleSet,
    rng: np.random.Generator,
    features: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> CopyAudit:
    """Look for each candidate's original among the training samples of all classes.

    Embeddings are compared by angle. Pixels are compared as means of a grid of `GRID` cells, minus
    the image's mean colour, in all mirrored and (if square) turned views. So a copy is still found
    if it is mirrored, recoloured, blurred or noisy. A crop, or a shift by a quarter of a cell, is
    mostly missed.

    A candidate is flagged if its relative distance is at most `COPY_RATIO` and at most the
    `HELD_OUT_QUANTILE` of the held-out images of its class. Without the ratio, a fixed share of
    candidates would be flagged even if none is a copy. The quantile is for classes in which new
    images come that near as well, as blank ones may. Carlini et al. average 50 neighbours, we the
    next ten: if train has few blank patches, new blank ones are then less often taken for copies.
    More than one neighbour is needed because train may hold an image twice.

    Args:
        held_out: Real images that the generator has not seen. If they are of other patients, they
            may lie farther from train than candidates that are not copies. If they are of the same
            patients, they can overlap with train.
        rng: Draws the references of `lean`, as many of each class from train as from held-out.
        features: Features of candidates, train and held-out, in this order; compared by angle.

    Raises:
        ValueError: samples differ in shape or classes, features do not have one row per image, or
            there are fewer than two images to compare with.

    Sources: Carlini et al. 2023 (distance relative to the neighbourhood); Meehan et
    al. 2020 (held-out images as the reference); Platzer & Reutterer 2021 (nearer to train or to
    held-out?). Grid, views, quantile and the combination are ours.
    """
    sets = (candidates, train, held_out)
    _require_comparable(sets, features)
    seen, unseen = _draw_references(train, held_out, rng)
    coin_RM = rng.random((NUM_DEALS, len(seen))) < 0.5

    def audit(space: str, candidate: Views, of_train: Views, of_held_out: Views) -> SpaceAudit:
        train_MF, held_out_HF = whole(of_train, len(train)), whole(of_held_out, len(held_out))
        references_MF = np.concatenate((train_MF[seen], held_out_HF[unseen]))
        what = f"copies by {space}"
        near, around = nearest_of(candidate, len(candidates), (train_MF, references_MF), what)
        (near_held_out,) = nearest_of(of_held_out, len(held_out), (train_MF,), what)
        leans = _lean(*around, coin_RM)
        return _judge(_nearness(*near), _nearness(*near_held_out), *leans, candidates, held_out)

    content = "pixels" if isinstance(train, ImageSet) else f"{train.noun}s"
    return CopyAudit(
        candidates.labels,
        held_out.labels,
        audit(content, *(_content(samples) for samples in sets)),
        audit("features", *(map(_angles, features))) if features is not None else None,
        content,
    )


def _require_comparable(
    sets: tuple[SampleSet, SampleSet, SampleSet],
    features: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> None:
    kinds = {(samples.noun, samples.class_names, samples.shape) for samples in sets}
    if len(kinds) > 1:
        raise ValueError(f"candidates, train and held-out {sets[0].noun}s differ: {sorted(kinds)}")
    if features is not None and [len(x) for x in features] != [len(samples) for samples in sets]:
        raise ValueError(
            f"features have {[len(x) for x in features]} rows for {[*map(len, sets)]} images"
        )


def _judge(
    found: Nearness,
    of_held_out: Nearness,
    lean_N: np.ndarray,
    lean_by_luck_RN: np.ndarray,
    candidates: SampleSet,
    held_out: SampleSet,
) -> SpaceAudit:
    threshold_C = np.array(
        [
            _threshold(of_held_out.relative[held_out.labels == c])
            for c in range(candidates.num_classes)
        ]
    )
    return SpaceAudit(
        candidates=found,
        held_out=of_held_out,
        lean=lean_N,
        lean_by_luck=lean_by_luck_RN,
        threshold=threshold_C,
        flagged=found.relative <= threshold_C[candidates.labels],
        held_out_flagged=of_held_out.relative <= threshold_C[held_out.labels],
    )


def _content(samples: SampleSet) -> Views:
    """The content of samples, prepared for distances."""
    match known(samples):
        case ImageSet(images=images):
            return lambda part: describe_pixels(images[part])
        case EmbeddingSet(vectors=vectors):
            return _angles(vectors)


def _angles(features_NF: np.ndarray) -> Views:
    return lambda part: normalize(features_NF[part].astype(np.float64))[None]


def describe_pixels(images_NHWC: UInt8[np.ndarray, "n h w 3"]) -> Float[np.ndarray, "v n f"]:
    """Each image as the colours of a coarse grid minus its mean colour, in 4 or 8 views.

    View 0 is the image itself. The others are mirrored and, if the image is square, turned.
    """
    grid_NHWC = _grid(images_NHWC)
    square = images_NHWC.shape[1] == images_NHWC.shape[2]
    turned = (grid_NHWC, grid_NHWC.swapaxes(1, 2)) if square else (grid_NHWC,)
    views = [g[:, ::down, ::right] for g in turned for down in (1, -1) for right in (1, -1)]
    return np.stack([view.reshape(len(view), -1) for view in views])


def nearest_original(
    views_VNF: Float[np.ndarray, "v n f"], train_MF: Float[np.ndarray, "m f"]
) -> Nearness:
    """Nearest training image of each image, over all views of the image; exact.

    Raises:
        ValueError: there are fewer than two training images.
    """
    (found,) = nearest_of(lambda part: views_VNF[:, part], views_VNF.shape[1], (train_MF,))
    return _nearness(*found)


def _nearness(nearest_NK: np.ndarray, distance_NK: np.ndarray) -> Nearness:
    nearest_NK, distance_NK = (x[:, : NUM_NEIGHBOURS + 1] for x in (nearest_NK, distance_NK))
    distance_N, around_N = distance_NK[:, 0], distance_NK[:, 1:].mean(axis=1)
    relative_N = np.divide(distance_N, around_N, out=np.ones_like(around_N), where=around_N > 0)
    return Nearness(nearest_NK[:, 0], distance_N, relative_N)


def _lean(
    nearest_NK: np.ndarray, distance_NK: np.ndarray, coin_RM: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`SpaceAudit.lean` and `lean_by_luck`, of the nearest references and the distances to them.

    Args:
        coin_RM: One random exchange per row: true leaves a pair of references as it is, false
            exchanges the two. The first half of the references are training images, and the second
            half held-out ones.
    """
    deals_RM = np.concatenate((np.ones_like(coin_RM[:1]), coin_RM))
    leans = np.empty((len(deals_RM), len(nearest_NK)), dtype=np.float32)
    for number, seen_M in enumerate(np.concatenate((deals_RM, ~deals_RM), axis=1)):
        seen_NK = seen_M[nearest_NK]
        one_N, other_N = (
            np.where(side_NK, distance_NK, distance_NK[:, -1:]).min(axis=1)
            for side_NK in (seen_NK, ~seen_NK)
        )
        both_N = one_N + other_N
        leans[number] = np.divide(one_N, both_N, out=np.full_like(both_N, 0.5), where=both_N > 0)
    return leans[0], leans[1:]


def _draw_references(
    train: SampleSet, held_out: SampleSet, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Indices into train and held-out, in as many pairs of one class as possible."""
    seen, unseen = [], []
    for c in range(train.num_classes):
        mine, others = (np.flatnonzero(images.labels == c) for images in (train, held_out))
        num = min(len(mine), len(others))
        seen.append(rng.permutation(mine)[:num])
        unseen.append(rng.permutation(others)[:num])
    return np.concatenate(seen), np.concatenate(unseen)


def _threshold(relative_H: np.ndarray) -> float:
    if not len(relative_H):
        return COPY_RATIO
    return min(COPY_RATIO, float(np.quantile(relative_H, HELD_OUT_QUANTILE)))


def _grid(images_NHWC: np.ndarray) -> np.ndarray:
    """Mean colour of each cell minus that of the image, in grey levels."""
    size = images_NHWC.shape[1:3]
    rows, columns = (round(min(GRID, *size) * length / min(size)) for length in size)
    x_NCHW = torch.from_numpy(images_NHWC.astype(np.float64)).permute(0, 3, 1, 2)
    grid_NCHW = torch.nn.functional.adaptive_avg_pool2d(x_NCHW, (rows, columns))
    return (grid_NCHW - x_NCHW.mean((2, 3), keepdim=True)).permute(0, 2, 3, 1).numpy()
