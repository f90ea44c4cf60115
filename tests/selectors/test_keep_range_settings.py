"""A keep range is checked where it is written, and the final selection obeys it."""

from typing import Any

import numpy as np
import pytest

from rlsel.algorithms.policy import keep_within_ranges
from rlsel.config import build_experiment
from rlsel.errors import InputError
from rlsel.selectors.config import SelectionConfig

CLASSES = ("normal", "tumour")


def test_a_class_without_a_range_of_its_own_has_that_of_all() -> None:
    config = SelectionConfig(keep_range=(0.2, 0.4), keep_range_of_class={"tumour": (0.5, 0.5)})

    assert config.ranges_of(CLASSES) == ((0.2, 0.4), (0.5, 0.5))


def test_a_range_for_one_class_leaves_the_others_free() -> None:
    config = SelectionConfig(keep_range_of_class={"tumour": (0.5, 0.5)})

    assert config.ranges_of(CLASSES) == ((0.0, 1.0), (0.5, 0.5))


def test_without_a_range_there_is_no_constraint() -> None:
    assert SelectionConfig().ranges_of(CLASSES) is None


def test_a_range_for_a_class_there_is_not_is_refused() -> None:
    config = SelectionConfig(keep_range_of_class={"tumor": (0.5, 0.5)})

    with pytest.raises(InputError, match=r"names 'tumor'; the classes are normal, tumour"):
        config.ranges_of(CLASSES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"selection": {"keep_range": [0.6, 0.4]}}, "selection: keep_range is [0.6, 0.4]"),
        ({"selection": {"keep_range": [1.0, 1.0]}}, "selection: keep_range is [1.0, 1.0]"),
        ({"selection": {"keep_range": [0.4, 1.4]}}, "selection.keep_range.1 is 1.4"),
        (
            {"selection": {"keep_range": [0.4, 0.6], "keep_fraction": 0.5}},
            "keep_fraction and keep_range exclude each other",
        ),
        (
            {"selection": {"keep_range": [0.4, 0.6]}, "controller": {"name": "gru"}},
            "a gru decides before it has seen all of a class",
        ),
    ],
)
def test_a_range_that_cannot_be_held_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        build_experiment(settings, "a test")

    assert message in str(refusal.value)


def test_of_every_class_as_many_are_kept_as_expected_within_the_range() -> None:
    labels_N = np.repeat([0, 1, 2], (7, 11, 13))
    probability_N = np.random.default_rng(0).uniform(0.5, 0.7, 31)
    ranges = ((0.0, 1.0), (0.1, 0.3), (0.9, 1.0))

    mask_N = keep_within_ranges(probability_N, labels_N, ranges)

    assert mask_N[labels_N == 0].sum() == round(probability_N[labels_N == 0].sum())
    assert mask_N[labels_N == 1].sum() == round(0.3 * 11)
    assert mask_N[labels_N == 2].sum() == round(0.9 * 13)
    for label in range(3):
        of_class_N = labels_N == label
        kept, discarded = mask_N & of_class_N, ~mask_N & of_class_N
        assert probability_N[kept].min() >= probability_N[discarded].max()
