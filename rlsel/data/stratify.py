"""Cut a set into parts, or draw from it, keeping class proportions. `cut` never divides a patient.

Shape letters in this file: N images, S shares, C classes, G patients.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from rlsel.errors import InputError
from rlsel.machine.wording import counted

Labels = Int[np.ndarray, " n"]


def cut(
    labels_N: Labels,
    patients_N: np.ndarray | None,
    shares: Sequence[float],
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Cut a set into disjoint parts that together are the whole.

    Without patients, every class is cut by `shares`, exact to one image. Each part gets at least
    one image of every class that has enough of them.

    With patients, each patient goes whole to one part: the part that is furthest below its share.
    Patients with the largest share of images are placed first. No part stays empty.

    Args:
        shares: positive, sum to one.

    Returns:
        For each share the sorted indices of its images.

    Raises:
        InputError: there are fewer patients than shares.
    """
    if patients_N is None:
        part_N = _cut_classes(labels_N, np.asarray(shares), rng)
    else:
        part_N = _cut_patients(labels_N, patients_N, np.asarray(shares), rng)
    return [np.flatnonzero(part_N == part) for part in range(len(shares))]


def draw(labels_N: Labels, num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw `num` images with the class proportions of the whole.

    The first k images of a class are the same for every `num`, so a larger draw contains nearly all
    of a smaller one.

    Returns:
        Sorted indices of the drawn images, and of the others.
    """
    counts_C = np.bincount(labels_N)
    wanted_C = apportion(counts_C, num)
    drawn_N = np.zeros(len(labels_N), dtype=bool)
    for label, wanted in enumerate(wanted_C):
        drawn_N[rng.permutation(np.flatnonzero(labels_N == label))[:wanted]] = True
    return np.flatnonzero(drawn_N), np.flatnonzero(~drawn_N)


def apportion(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that sum to `total` and are proportional to `weights` to within one.

    Uses the largest-remainder method. After that, every entry with a positive weight but number 0
    takes one from the largest entry, as long as that has more than one.
    """
    exact = weights * total / weights.sum()
    numbers = np.floor(exact + 1e-9).astype(np.int64)
    by_remainder = np.argsort(numbers - exact, kind="stable")
    numbers[by_remainder[: total - numbers.sum()]] += 1
    for empty in np.flatnonzero((numbers == 0) & (weights > 0)):
        if numbers.max() > 1:
            numbers[np.argmax(numbers)] -= 1
            numbers[empty] = 1
    return numbers


def _cut_classes(
    labels_N: Labels, shares_S: np.ndarray, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    part_N = np.zeros(len(labels_N), dtype=np.int64)
    for label in np.unique(labels_N):
        members = np.flatnonzero(labels_N == label)
        sizes_S = apportion(shares_S, len(members))
        part_N[rng.permutation(members)] = np.repeat(np.arange(len(shares_S)), sizes_S)
    return part_N


def _cut_patients(
    labels_N: Labels, patients_N: np.ndarray, shares_S: np.ndarray, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    names, patient_N = np.unique(patients_N, return_inverse=True)
    if len(names) < len(shares_S):
        raise InputError(
            f"{counted(len(names), 'patient')} cannot be split into {len(shares_S)} sets without "
            "dividing one: give samples of more patients, or leave the patient unknown"
        )
    counts_GC = np.zeros((len(names), int(labels_N.max()) + 1))
    np.add.at(counts_GC, (patient_N, labels_N), 1)
    # Counts become fractions of their class, so a rare class weighs as much as a frequent one.
    weight_GC = counts_GC / np.maximum(counts_GC.sum(axis=0), 1)
    shuffled = rng.permutation(len(names))
    order = shuffled[np.argsort(-weight_GC.sum(axis=1)[shuffled], kind="stable")]
    return _deal(weight_GC, order, shares_S)[patient_N]


def _deal(weight_GC: np.ndarray, order: np.ndarray, shares_S: np.ndarray) -> np.ndarray:
    """(g,) the part of each patient, by greedy least squares between each part and its share."""
    part_G = np.full(len(order), -1)
    missing_SC = np.outer(shares_S, weight_GC.sum(axis=0))
    for num_dealt, patient in enumerate(order):
        weight_C = weight_GC[patient]
        cost_S = ((missing_SC - weight_C) ** 2 - missing_SC**2).sum(axis=1)
        empty_S = ~np.isin(np.arange(len(shares_S)), part_G)
        if len(order) - num_dealt <= empty_S.sum():
            cost_S = np.where(empty_S, cost_S, np.inf)
        part_G[patient] = np.argmin(cost_S)
        missing_SC[part_G[patient]] -= weight_C
    return part_G
