"""Training on candidates alone, tested on real images."""

import numpy as np
import pytest
import torch

from rlsel.classifier import ClassifierConfig
from rlsel.data import ImageSet
from rlsel.quality import classification_accuracy_score

CPU = torch.device("cpu")
QUICK = ClassifierConfig(epochs=4, batch_size=16, precision="fp32")


def images(num: int, seed: int, size_px: int = 16, swapped: bool = False) -> ImageSet:
    """Class 1 is brighter, or darker where the labels are swapped."""
    rng = np.random.default_rng(seed)
    bright_N = np.arange(num) % 2
    pixels = rng.integers(0, 106, (num, size_px, size_px, 3)) + 150 * bright_N[:, None, None, None]
    labels_N = 1 - bright_N if swapped else bright_N
    ids = np.array([f"{seed}-{i}" for i in range(num)])
    return ImageSet(pixels.astype(np.uint8), labels_N, ("dark", "bright"), ids)


@pytest.mark.slow
def test_candidates_with_the_right_labels_teach_and_those_with_swapped_ones_mislead() -> None:
    test = images(23, 1)

    right, wrong = (
        classification_accuracy_score(
            images(62, 0, swapped=swapped), test, QUICK, seeds, CPU, validation=test
        )
        for swapped, seeds in ((False, [3, 5]), (True, [3]))
    )

    assert [len(scores) for scores in right.values()] == [2] * 5
    assert right["validation_accuracy"] == right["accuracy"]
    assert min(right["auc"]) > 0.6
    assert max(wrong["auc"]) < 0.4
    assert all(type(value) is float for scores in right.values() for value in scores)


def test_candidates_of_other_classes_or_sizes_are_refused() -> None:
    test = images(6, 1)
    renamed = ImageSet(test.images, test.labels, ("a", "b"), test.ids)

    with pytest.raises(ValueError, match="class names of candidates and test differ"):
        classification_accuracy_score(renamed, test, QUICK, [0])
    with pytest.raises(ValueError, match=r"shapes .* differ: \(8, 8, 3\), \(16, 16, 3\)"):
        classification_accuracy_score(images(6, 0, size_px=8), test, QUICK, [0])
