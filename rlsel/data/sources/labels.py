"""Class indices from the labels of a source: integers, whole-numbered floats or names.

Patient names are brought to text here too.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from rlsel.errors import InputError

BLANK = frozenset(("", "nan", "none", "null", "<na>", "n/a"))
"""Texts that programs write for an unknown value, in lower case."""
MOST_NAMED = 20
"""Most classes listed in an error message."""


def class_indices(
    labels: np.ndarray,
    class_names: Sequence[str] | None,
    where: Callable[[int], str],
    noun: str = "image",
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as int64 indices, with the names of the classes.

    Args:
        labels: (n,) integers, or names.
        class_names: the names that the source gives. None takes the numbers that occur, such as
            codes, as names of their classes; or the label names in alphabetical order.
        where: gives the place of the label at an index, for error messages.
        noun: the word for one sample in messages.

    Raises:
        InputError: there are no labels, a label is empty, outside the class names or no whole
            number, or a class name is empty or given twice.
    """
    if not len(labels):
        raise InputError(f"{where(0)}: there is not a single {noun}")
    _require_names(class_names or (), where)
    if labels.dtype.kind in "OSU":
        labels = _text(labels)
        blank = [not str(label).strip() for label in labels]
        if any(blank):
            raise InputError(
                f"{where(blank.index(True))}: the label is empty; name the class of that {noun}, "
                "or leave it out"
            )
        names = tuple(class_names or np.unique(labels).tolist())
        order = {name: index for index, name in enumerate(names)}
        indices = np.array([order.get(str(label), -1) for label in labels], dtype=np.int64)
    else:
        labels = _whole_numbers(labels, where)
        names = tuple(class_names or map(str, np.unique(labels).tolist()))
        indices = labels if class_names else np.unique(labels, return_inverse=True)[1]
    _check(indices.astype(np.int64), labels, names, where)
    return indices.astype(np.int64), names


def lacking(
    indices: np.ndarray,
    names: Sequence[str],
    where: Callable[[int], str],
    noun: str = "image",
) -> str:
    """The text of `Listing.lacking` for labels that `class_indices` has returned."""
    if len(names) < 2:
        return f"{where(0)}: only one class, {''.join(names)!r}; at least two are needed"
    present = set(indices.tolist())
    absent = ", ".join(repr(name) for index, name in enumerate(names) if index not in present)
    return f"{where(0)}: no {noun} of class {absent} is here" if absent else ""


def patient_names(patients: np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    """The patient of each image as text; 7.0 becomes 7.

    Raises:
        InputError: an image has no patient.
    """
    if patients.dtype.kind not in "OSUbiuf":
        raise InputError(f"{where(0)}: patients are of type {patients.dtype}, not text or numbers")
    names = _text(patients)
    if patients.dtype.kind == "f":
        names = np.array([_without_point(value) for value in patients.tolist()])
    blank = [str(name).strip().casefold() in BLANK for name in names]
    if any(blank):
        raise InputError(
            f"{where(blank.index(True))}: no patient is named there (nor for "
            f"{sum(blank) - 1:,} others); name the patient of all, or leave patients out"
        )
    return names


def _require_names(class_names: Sequence[str], where: Callable[[int], str]) -> None:
    """Refuse class names that do not tell classes apart."""
    for name, count in Counter(class_names).items():
        if not name.strip():
            raise InputError(f"{where(0)}: a class name is empty; name every class (class_names)")
        if count > 1:
            raise InputError(
                f"{where(0)}: {count} classes are called {name!r}; give each a name of its own "
                "(class_names)"
            )


def _without_point(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _text(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "backslashreplace")
    return values.astype(str)


def _whole_numbers(labels: np.ndarray, where: Callable[[int], str]) -> np.ndarray:
    if labels.dtype.kind not in "biuf":
        raise InputError(f"{where(0)}: labels are of type {labels.dtype}, not numbers or names")
    if labels.dtype.kind in "bi":
        return labels.astype(np.int64)
    # Unsigned integers from 2^63 would overflow int64, and floats are exact integers up to 2^53.
    largest = 2**63 - 1 if labels.dtype.kind == "u" else 2**53
    wrong = ~np.isfinite(labels) | (labels != np.round(labels)) | (np.abs(labels) > largest)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{where(first)}: label {labels[first]} is not a class number")
    return labels.astype(np.int64)


def _check(
    indices: np.ndarray, labels: np.ndarray, names: tuple[str, ...], where: Callable[[int], str]
) -> None:
    negative = labels < 0 if labels.dtype.kind == "i" else np.zeros(len(labels), dtype=bool)
    outside = np.flatnonzero((indices < 0) | (indices >= len(names)) | negative)
    if len(outside):
        first = int(outside[0])
        shown = ", ".join(f"{i} {name}" for i, name in enumerate(names[:MOST_NAMED]))
        more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        raise InputError(
            f"{where(first)}: label {labels[first]} is outside the classes; known are {shown}{more}"
        )
