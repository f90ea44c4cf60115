"""`PhantomPool`: candidates of which it is known what is wrong with them."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom.faults import add_artefact, blur, near_duplicate
from rlsel.data.phantom.source import PhantomSource, draw_labelled, numbered
from rlsel.schema import config

KINDS = ("faithful", "wrong_label", "blurred", "artefact", "near_duplicate")
Fraction = Annotated[float, Field(ge=0, le=1)]


@config
class PhantomPool:
    """Candidates drawn by the phantom; those that are none of the faulty kinds are faithful."""

    name: Literal["phantom"] = "phantom"
    num_candidates: Annotated[int, Field(ge=1)] = 512
    wrong_label: Fraction = 0.4
    """A faithful image of another class than its label says."""
    blurred: Fraction = 0.05
    """Right label, out of focus."""
    artefact: Fraction = 0.05
    """Right label; a fold, a pen mark, dust, a foreign stain or compression blocks."""
    near_duplicate: Fraction = 0.05
    """Right label; a training image again, with small changes."""

    @model_validator(mode="after")
    def _leave_some_share(self) -> "PhantomPool":
        shares = {kind: getattr(self, kind) for kind in KINDS[1:]}
        if sum(shares.values()) > 1 + 1e-9:
            listed = ", ".join(f"{kind} {share:g}" for kind, share in shares.items())
            total = sum(shares.values())
            raise ValueError(f"fractions sum to {total:g} ({listed}); they may sum to at most 1")
        return self


def draw_candidates(
    config: PhantomPool, source: PhantomSource, train: ImageSet, rng: np.random.Generator
) -> tuple[ImageSet, np.ndarray, np.ndarray]:
    """Draw a shuffled pool, balanced over the labels that its candidates claim.

    Args:
        train: whose images the near duplicates repeat.

    Returns:
        The candidates, the kind of each (of `KINDS`), and whether an oracle would keep it:
        true for the faithful alone. A near duplicate does no harm, but adds nothing new.
    """
    kinds_N, labels_N = _assign(config, source.num_classes, rng)
    true_labels_N = labels_N.copy()
    wrong_N = kinds_N == "wrong_label"
    turn_N = rng.integers(1, source.num_classes, wrong_N.sum())
    true_labels_N[wrong_N] = (labels_N[wrong_N] + turn_N) % source.num_classes
    images = draw_labelled(true_labels_N, source, rng)
    originals_N = _train_images_of(labels_N, train, rng)
    for kind, spoil in (("blurred", blur), ("artefact", add_artefact)):
        images[kinds_N == kind] = spoil(images[kinds_N == kind], rng)
    repeated_N = kinds_N == "near_duplicate"
    images[repeated_N] = near_duplicate(train.images[originals_N[repeated_N]], rng)
    candidates = ImageSet(
        images=images,
        labels=labels_N,
        class_names=train.class_names,
        ids=numbered("phantom-pool", len(labels_N)),
    )
    return candidates, kinds_N, kinds_N == "faithful"


def _assign(
    config: PhantomPool, num_classes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Kinds and given labels in random order; kinds are spread evenly over the labels too."""
    n = config.num_candidates
    counts = [round(n * getattr(config, kind)) for kind in KINDS[1:]]
    while sum(counts) > n:  # rounding up several halves can ask for one or two too many
        counts[int(np.argmax(counts))] -= 1
    kinds_N = np.repeat(np.array(KINDS), [n - sum(counts), *counts])
    order_N = rng.permutation(n)
    return kinds_N[order_N], (np.arange(n) % num_classes)[order_N]


def _train_images_of(
    labels_N: np.ndarray, train: ImageSet, rng: np.random.Generator
) -> np.ndarray:
    """(n,) for each label the index of a training image that has it."""
    originals_N = np.zeros(len(labels_N), np.int64)
    for label in np.unique(labels_N):
        with_label = np.flatnonzero(train.labels == label)
        if not len(with_label):
            name = train.class_names[label]
            raise ValueError(f"near duplicates need a training image of {name}; there is none")
        wanted = labels_N == label
        originals_N[wanted] = rng.choice(with_label, int(wanted.sum()))
    return originals_N
