"""What is known of a few random candidates."""

import numpy as np

from rlsel.features import CandidateTable


def small_table(num: int = 61, num_classes: int = 3, seed: int = 0) -> CandidateTable:
    """Classes of unequal size; about a third of the candidates lie nearer to another class."""
    rng = np.random.default_rng(seed)
    return CandidateTable(
        labels=rng.choice(num_classes, num, p=np.arange(num_classes, 0, -1) / 6),
        own_distance=rng.uniform(0.0, 1.0, num),
        other_distance=rng.uniform(0.2, 1.6, num),
        knn_label_agreement=rng.random(num),
        label_log_probability=-rng.random(num),
        margin=rng.standard_normal(num),
        nearest_real=rng.random(num),
        head_log_probability=-rng.random(num),
        nearest_other_class=rng.random(num),
        nearest_candidate=rng.random(num),
    )
