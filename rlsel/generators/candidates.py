"""A pool of candidates made by a trained generator, each with its latent seed."""

from collections.abc import Sequence

import numpy as np

from rlsel.data.image_set import ImageSet
from rlsel.errors import InputError
from rlsel.generators.registry import GENERATORS
from rlsel.generators.seam import Checkpoint
from rlsel.pool import Pool
from rlsel.seeding import derive_seed, rng


def require_known(classes: Sequence[str] | None, class_names: Sequence[str], setting: str) -> None:
    """Refuse unknown classes.

    Raises:
        InputError: a class is unknown; the message names the first one and the known classes.
    """
    if unknown := [name for name in classes or () if name not in class_names]:
        raise InputError(
            f"{setting} names {unknown[0]!r}; the classes are {', '.join(class_names)}"
        )


def make_candidates(
    checkpoint: Checkpoint, num_per_class: int, seed: int, classes: Sequence[str] | None = None
) -> Pool:
    """Make candidates, shuffled. The same seed gives the same candidates.

    A larger number per class, or more classes, leaves the images of the smaller request unchanged.

    Args:
        classes: Names of the classes to make, known to the checkpoint; None makes all.
    """
    about = checkpoint.about
    class_names = tuple(about.class_names)
    wanted = [c for c, name in enumerate(class_names) if classes is None or name in classes]
    labels = np.repeat(np.array(wanted), num_per_class)
    numbers = np.tile(np.arange(num_per_class), len(wanted))
    latent_seeds = np.array(
        [
            derive_seed(seed, "latent", class_names[label], int(number))
            for label, number in zip(labels, numbers, strict=True)
        ],
        dtype=np.int64,
    )
    model = checkpoint.model_hash
    ids = [
        f"{about.kind}-{model[:8]}-{seed}/{class_names[label]}/{number:05d}"
        for label, number in zip(labels, numbers, strict=True)
    ]
    images = GENERATORS[about.kind].make_images(checkpoint, latent_seeds.tolist(), labels)
    pool = Pool(
        ImageSet(images, labels, class_names, np.array(ids)),
        source=f"{about.kind} {model}, trained on {sum(about.class_counts):,} images",
        latent_seeds=latent_seeds,
        models=np.full(len(labels), model),
        trained_on=np.array(about.train_images),
    )
    return pool.take(rng(seed, "order of candidates").permutation(len(labels)))
