"""Embeddings on disk, as a foundation model's script would leave them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WIDTH = 11
CLASSES = ("healthy", "tumeur ö")


def vectors(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, WIDTH) vectors of two classes that lie apart, and their labels, in turn."""
    rng = np.random.default_rng(seed)
    labels_N = np.arange(num) % 2
    centre_2F = np.random.default_rng(99).standard_normal((2, WIDTH))
    return (centre_2F[labels_N] + 0.5 * rng.standard_normal((num, WIDTH))).astype(
        np.float32
    ), labels_N


def write_embeddings(
    path: Path,
    num: int,
    seed: int = 0,
    kind: str = "fixed",
    labels: Sequence[Any] | None = None,
    **columns: Any,
) -> Path:
    """One Parquet file. `kind` of the column of vectors: fixed, list, double or tensor."""
    vectors_NF, labels_N = vectors(num, seed)
    flat = pa.array(vectors_NF.ravel())
    arrays = {
        "fixed": lambda: pa.FixedSizeListArray.from_arrays(flat, WIDTH),
        "list": lambda: pa.array(vectors_NF.tolist(), pa.list_(pa.float32())),
        "double": lambda: pa.array(vectors_NF.tolist(), pa.large_list(pa.float64())),
        "tensor": lambda: pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float32(), (WIDTH,)),
            pa.FixedSizeListArray.from_arrays(flat, WIDTH),
        ),
    }
    label = np.array(CLASSES)[labels_N] if labels is None else labels
    pq.write_table(pa.table({"embedding": arrays[kind](), "label": label, **columns}), path)
    return path
