"""Embeddings in one NPZ file: train_embeddings, train_labels, val_embeddings, ..., or one set.

Shape letters: N embeddings, F width of each.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rlsel.data.embedding_set import EmbeddingSet
from rlsel.data.sources.labels import class_indices, lacking, patient_names
from rlsel.data.sources.npz import array_names, one_label_each, read_array
from rlsel.data.sources.part import WHOLE, Listing
from rlsel.data.sources.split_names import split_called
from rlsel.errors import InputError

NOUN = EmbeddingSet.noun
VECTORS, LABELS, IDS, PATIENTS = "embeddings", "labels", "ids", "patients"
CALLED = {
    VECTORS: ("embeddings", "features", "vectors"),
    LABELS: ("labels", "label"),
    IDS: ("ids", "id"),
    PATIENTS: ("patients", "patient"),
}
"""What an array holds -> the names that it may have after the word of its split."""
MEANINGS = {word: what for what, words in CALLED.items() for word in words}
RANKS = {word: rank for words in CALLED.values() for rank, word in enumerate(words)}
NUM_COPIES = 3
"""Vectors as the file has them and as float32, and what it takes to look for unusable ones."""
Arrays = dict[str, str]
"""What an array holds -> its name in the file, for one split."""


def holds_embeddings(names: Sequence[str]) -> bool:
    """Whether arrays of these names are embeddings, and no images."""
    words = {_last_word(name) for name in names}
    return "images" not in words and bool(words & set(CALLED[VECTORS]))


def parts_in(path: Path) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """The arrays of each split, or of all under `WHOLE`; and a note on those that are not read.

    Raises:
        InputError: the file is no NPZ file, has no training, or has two arrays of one meaning.
    """
    names = array_names(path)
    found = _by_split(names, path)
    with_vectors = {split for split, arrays in found.items() if VECTORS in arrays}
    splits = [WHOLE] if WHOLE in with_vectors else ["train", "val", "test"]
    parts = {split: found[split] for split in splits if split in with_vectors}
    if not parts or (WHOLE not in parts and "train" not in parts):
        raise InputError(
            f"{path}: no array train_embeddings or embeddings; it holds {', '.join(names)}"
        )
    read = {name for arrays in parts.values() for name in arrays.values()}
    others = [name for name in names if name not in read]
    return parts, (f"did not read the arrays {', '.join(others)}",) if others else ()


def read_arrays(
    path: Path, split: str, arrays: Arrays, class_names: tuple[str, ...] | None
) -> tuple[Listing, np.ndarray]:
    """Labels, ids and patients of one split, and its vectors (n, f) as the file has them.

    Raises:
        InputError: an array is missing, of a wrong type, or of another length.
    """
    array = arrays[VECTORS]
    values_NF = read_array(path, array, NUM_COPIES)
    if values_NF.ndim != 2 or values_NF.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: {array} is {values_NF.dtype} of shape {values_NF.shape}; numbers of shape "
            "(n, width) are needed"
        )
    if LABELS not in arrays:
        wanted = LABELS if split == WHOLE else f"{split}_{LABELS}"
        raise InputError(f"{path}: no array {wanted}; it holds {', '.join(array_names(path))}")
    labels = one_label_each(read_array(path, arrays[LABELS]), f"{path}: {arrays[LABELS]}", NOUN)
    others = {
        what: read_array(path, arrays[what]).ravel() for what in (IDS, PATIENTS) if what in arrays
    }
    for what, column in {LABELS: labels, **others}.items():
        if len(column) != len(values_NF):
            raise InputError(f"{path}: {len(values_NF):,} {array} but {len(column):,} {what}")

    def where(index: int) -> str:
        return f"{path}, {array}[{index}]"

    indices, names = class_indices(labels, class_names, where, NOUN)
    listing = Listing(
        names=tuple(str(id_) for id_ in others.get(IDS, range(len(values_NF)))),
        labels=indices,
        class_names=names,
        payloads=lambda: iter(()),
        patients=patient_names(others[PATIENTS], where) if PATIENTS in others else None,
        lacking=lacking(indices, names, where, NOUN),
    )
    return listing, values_NF


def _by_split(names: list[str], path: Path) -> dict[str, Arrays]:
    """The arrays whose names have a meaning. Of embeddings and features, say, the first is taken.

    Raises:
        InputError: two arrays have one meaning, such as val_labels and valid_labels.
    """
    found: dict[str, Arrays] = {}
    for name in sorted(names, key=lambda name: RANKS.get(_last_word(name), 0)):
        split, what = _meaning(name)
        if split is None or what is None:
            continue
        first = found.setdefault(split, {}).setdefault(what, name)
        if first != name and _last_word(first) == _last_word(name):
            raise InputError(
                f"{path}: the arrays {first} and {name} may both be the {what} of {split}; leave "
                "one of them out"
            )
    return found


def _meaning(name: str) -> tuple[str | None, str | None]:
    """The split and the meaning of an array by its name; None where it says none."""
    before = name.rpartition("_")[0]
    return (split_called(before) if before else WHOLE), MEANINGS.get(_last_word(name))


def _last_word(name: str) -> str:
    return name.rpartition("_")[2].casefold()
