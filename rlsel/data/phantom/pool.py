"""`PhantomPool`: drawn candidates whose faults are known.

Shape letters: N candidates.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Int
from pydantic import Field

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom.faults import add_artefact, blur, near_duplicate
from rlsel.data.phantom.source import PhantomSource, draw_labelled, numbered
from rlsel.data.stratify import apportion
from rlsel.errors import InputError
from rlsel.schema import config

KINDS = ("faithful", "wrong_label", "blurred", "artefact", "near_duplicate")
USEFUL_KINDS = ("faithful", "near_duplicate")
"""Kinds that an oracle keeps: right labels on intact images. See `draw_candidates`."""
Fraction = Annotated[float, Field(ge=0, le=1)]


@config
class PhantomPool:
    """Candidates drawn by the phantom. Candidates with none of the faults below are faithful."""

    name: Literal["phantom"] = "phantom"
    num_candidates: Annotated[int, Field(ge=1)] = 512
    """Number of candidates, spread evenly over the labels."""
    wrong_label: Fraction = 0.42
    """Share of faithful images with the label of another class."""
    blurred: Fraction = 0.03
    """Share with the right label, out of focus and veiled."""
    artefact: Fraction = 0.03
    """Share with the right label and a fold, a pen mark, dust, a foreign stain or blocks."""
    near_duplicate: Fraction = 0.04
    """Share with the right label that repeat a training image with small changes."""

    def __post_init__(self) -> None:
        if (total := sum(self.faults.values())) > 1 + 1e-9:
            listed = ", ".join(f"{kind} {share:g}" for kind, share in self.faults.items())
            raise ValueError(f"the fractions sum to {total:g} ({listed}); they may sum to 1")

    @property
    def faults(self) -> dict[str, float]:
        """Share of each kind except faithful."""
        return {kind: getattr(self, kind) for kind in KINDS[1:]}


def draw_candidates(
    config: PhantomPool, source: PhantomSource, train: ImageSet, rng: np.random.Generator
) -> tuple[ImageSet, np.ndarray, Bool[np.ndarray, " n"]]:
    """Draw a shuffled pool, balanced over the labels of the candidates.

    Args:
        train: the training images that near duplicates repeat.

    Returns:
        The candidates, the kind of each (of `KINDS`), and whether an oracle would keep it
        (`USEFUL_KINDS`): right labels on intact images. In measurements wrong labels do nearly all
        of the harm and artefacts a little. The effect of blurred images and near duplicates is too
        small to measure, so no controller can learn that part of the truth from the reward
        (benchmarks/records/phantom_difficulty.json, `probe_kinds`).

    Raises:
        InputError: near duplicates are wanted of a class of which `train` has no image.
    """
    kinds_N, labels_N = _assign(config, source.num_classes, rng)
    turn_N = rng.integers(1, source.num_classes, len(labels_N)) * (kinds_N == "wrong_label")
    images = draw_labelled((labels_N + turn_N) % source.num_classes, source, rng)
    for kind, spoil in (("blurred", blur), ("artefact", add_artefact)):
        images[kinds_N == kind] = spoil(images[kinds_N == kind], rng)
    repeats_N = kinds_N == "near_duplicate"
    originals = _train_images_of(labels_N[repeats_N], train, rng)
    images[repeats_N] = near_duplicate(train.images[originals], rng)
    candidates = ImageSet(
        images=images,
        labels=labels_N,
        class_names=train.class_names,
        ids=numbered("phantom-pool", len(labels_N)),
    )
    return candidates, kinds_N, np.isin(kinds_N, USEFUL_KINDS)


def _assign(
    config: PhantomPool, num_classes: int, rng: np.random.Generator
) -> tuple[np.ndarray, Int[np.ndarray, " n"]]:
    """Kinds and given labels in random order; each kind is spread evenly over the labels."""
    n = config.num_candidates
    shares = np.array(list(config.faults.values()))
    counts = apportion(np.array([max(0.0, 1 - shares.sum()), *shares]), n)
    order_N = rng.permutation(n)
    return np.repeat(np.array(KINDS), counts)[order_N], (np.arange(n) % num_classes)[order_N]


def _train_images_of(
    labels_N: Int[np.ndarray, " n"], train: ImageSet, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """For each label, the index of a training image with that label."""
    originals_N = np.zeros(len(labels_N), np.int64)
    for label in np.unique(labels_N):
        members = np.flatnonzero(train.labels == label)
        if not len(members):
            raise InputError(
                f"near duplicates of {train.class_names[label]!r} need a training image of it, "
                f"and there is none: set pool.near_duplicate to 0 or raise data.source.num_train"
            )
        wanted_N = labels_N == label
        originals_N[wanted_N] = rng.choice(members, int(wanted_N.sum()))
    return originals_N
