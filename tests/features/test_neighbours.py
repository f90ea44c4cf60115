"""The neighbours' vote against a sort by hand."""

import numpy as np
import pytest

from rlsel.features import neighbours
from rlsel.features.neighbours import knn_label_agreement

RNG = np.random.default_rng(0)
FEATURES_NF = RNG.standard_normal((23, 7))
LABELS_N = RNG.integers(3, size=23)
REFERENCE_MF = RNG.standard_normal((41, 7))
REFERENCE_LABELS_M = RNG.integers(3, size=41)


def naive_agreement(num_neighbours: int) -> list[float]:
    shares = []
    for feature, label in zip(FEATURES_NF, LABELS_N, strict=True):
        similarities = [
            feature @ r / np.linalg.norm(feature) / np.linalg.norm(r) for r in REFERENCE_MF
        ]
        nearest = sorted(range(41), key=lambda m: -similarities[m])[:num_neighbours]
        shares.append(sum(REFERENCE_LABELS_M[m] == label for m in nearest) / len(nearest))
    return shares


@pytest.mark.parametrize("num_neighbours", [1, 5, 25, 41, 1000])
def test_the_agreement_is_that_of_a_naive_loop(num_neighbours: int) -> None:
    agreement_N = knn_label_agreement(
        FEATURES_NF, LABELS_N, REFERENCE_MF, REFERENCE_LABELS_M, num_neighbours
    )

    assert agreement_N == pytest.approx(np.array(naive_agreement(num_neighbours)))


def test_comparing_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (FEATURES_NF, LABELS_N, REFERENCE_MF, REFERENCE_LABELS_M, 5)
    whole_N = knn_label_agreement(*arguments)

    monkeypatch.setattr(neighbours, "CHUNK", 7)

    assert np.array_equal(knn_label_agreement(*arguments), whole_N)
