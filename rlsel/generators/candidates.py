"""A pool of what a trained generator makes: so many of each class, each with its latent seed."""

import numpy as np

from rlsel.classifier.resident import best_device
from rlsel.data.image_set import ImageSet
from rlsel.generators.histogan.checkpoint import Checkpoint
from rlsel.generators.histogan.sampling import Sampler
from rlsel.pool import Pool
from rlsel.seeding import derive_seed, rng


def make_candidates(checkpoint: Checkpoint, num_per_class: int, seed: int) -> Pool:
    """Candidates in an order that says nothing about them; the same for the same seed.

    With more of them per class, the first ones stay the same.
    """
    class_names = tuple(checkpoint.about.class_names)
    labels = np.repeat(np.arange(len(class_names)), num_per_class)
    numbers = np.tile(np.arange(num_per_class), len(class_names))
    latent_seeds = np.array(
        [
            derive_seed(seed, "latent", class_names[label], int(number))
            for label, number in zip(labels, numbers, strict=True)
        ],
        dtype=np.int64,
    )
    model = checkpoint.model_hash
    ids = [
        f"histogan-{model[:8]}-{seed}/{class_names[label]}/{number:05d}"
        for label, number in zip(labels, numbers, strict=True)
    ]
    images = Sampler(checkpoint, best_device()).images(latent_seeds.tolist(), labels)
    pool = Pool(
        ImageSet(images, labels, class_names, np.array(ids)),
        source=f"histogan {model}, trained on {sum(checkpoint.about.class_counts):,} images",
        latent_seeds=latent_seeds,
        models=np.full(len(labels), model),
        trained_on=np.array(checkpoint.about.train_images),
    )
    return pool.take(rng(seed, "order of candidates").permutation(len(labels)))
