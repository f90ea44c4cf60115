"""Cut a sorted pool into batches with equal counts of every class.

Shape letters: N candidates, D batches, K places in a batch.
"""

import numpy as np
from jaxtyping import Float, Int

from envs.phantom import pad_rows
from rlsel.errors import InputError


def cut_into_batches(
    sort_key_N: Float[np.ndarray, " n"], labels_N: Int[np.ndarray, " n"], num_batches: int
) -> Int[np.ndarray, "d k"]:
    """Sort each class by `sort_key_N` and cut it into `num_batches`, smallest key first.

    The size of a class may be any, and need not divide by `num_batches`: counts of one class differ
    by at most one between batches, and unused places are padded with -1 at the end of a row.
    Within a batch, candidates of all classes are ordered by their key.

    Raises:
        InputError: there are so many batches that one would stay empty.

    Source: Ye et al. 2020, section 3.1.
    """
    require_batches(labels_N, num_batches)
    parts = [[] for _ in range(num_batches)]
    for label in np.unique(labels_N):
        members = np.flatnonzero(labels_N == label)
        ranked = members[np.argsort(sort_key_N[members], kind="stable")]
        for part, share in zip(parts, np.array_split(ranked, num_batches), strict=True):
            part.append(share)
    rows = [np.concatenate(part) for part in parts]
    rows = [row[np.argsort(sort_key_N[row], kind="stable")] for row in rows]
    return pad_rows(rows).astype(np.int64)


def require_batches(labels_N: Int[np.ndarray, " n"], num_batches: int) -> None:
    """Refuse more batches than the largest class can fill.

    Raises:
        InputError: a batch would stay empty.
    """
    largest = int(np.bincount(labels_N).max())
    if largest < num_batches:
        raise InputError(
            f"features.num_batches is {num_batches}, but no class has more than {largest} "
            "candidates, so some batch would be empty"
        )
