"""A keep range of all classes, and of single ones."""

import pytest

from rlsel.errors import InputError
from rlsel.experiment.config import build_experiment
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


@pytest.mark.parametrize(("order", "is_warned"), [("label_free", True), ("random", False)])
def test_a_range_over_batches_that_are_not_alike_is_warned_of(order: str, is_warned: bool) -> None:
    settings = {"selection": {"keep_range": [0.3, 0.6]}, "features": {"order": order}}

    cautions = build_experiment(settings, "a test").cautions

    assert bool(cautions) == is_warned
    assert all("set features.order: random" in caution for caution in cautions)
