"""Class numbers from whatever a source calls its labels: integers, floats that are whole, names."""

from collections.abc import Callable, Sequence

import numpy as np

from rlsel.errors import InputError


def class_indices(
    labels: np.ndarray, class_names: Sequence[str] | None, where: Callable[[int], str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as int64 indices, with the names of the classes.

    Args:
        labels: (n,) integers, or names.
        class_names: as far as the source knows them. Without, integers are called "0", "1", ...
            and names are put in alphabetical order.
        where: what to call the label at an index in an error.

    Raises:
        InputError: a label is outside the class names, is no whole number, or only one class.
    """
    if not len(labels):
        raise InputError(f"{where(0)}: there is not a single image")
    labels = labels.astype(str) if labels.dtype.kind in "OSU" else _whole_numbers(labels, where)
    if labels.dtype.kind == "U":
        names = tuple(class_names or np.unique(labels).tolist())
        order = {name: index for index, name in enumerate(names)}
        indices = np.array([order.get(str(label), -1) for label in labels], dtype=np.int64)
    else:
        names = tuple(class_names or (str(i) for i in range(int(labels.max(initial=0)) + 1)))
        indices = labels
    _check(indices, labels, names, where)
    return indices, names


def _whole_numbers(labels: np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    whole = labels.astype(np.int64) if np.isfinite(labels).all() else None
    if whole is not None and (whole == labels).all():
        return whole
    first = int(np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))[0])
    raise InputError(f"{where(first)}: label {labels[first]} is not a class number")


def _check(
    indices: np.ndarray, labels: np.ndarray, names: tuple[str, ...], where: Callable[[int], str]
) -> None:
    outside = np.flatnonzero((indices < 0) | (indices >= len(names)))
    if len(outside):
        first = int(outside[0])
        known = ", ".join(f"{i} {name}" for i, name in enumerate(names))
        raise InputError(
            f"{where(first)}: label {labels[first]} is outside the classes; known are {known}"
        )
    if len(names) < 2:
        raise InputError(f"{where(0)}: only one class, {''.join(names)!r}; at least two are needed")
    counts = np.bincount(indices, minlength=len(names))
    if absent := [names[index] for index in np.flatnonzero(counts == 0)]:
        raise InputError(f"{where(0)}: no image of class {', '.join(map(repr, absent))} is here")
