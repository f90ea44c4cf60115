"""What is said about the inputs before a run."""

from dataclasses import replace

import numpy as np
import pytest

from rlsel.data import Splits
from rlsel.pool import Pool, describe_inputs
from rlsel.pool.checks import standard_error


def test_every_part_has_a_row_with_its_counts(splits: Splits, image_set) -> None:
    pool = Pool(image_set({"normal": 9, "tumour": 8}, seed=9), "gan")

    report = describe_inputs(splits, pool)

    assert [row.part for row in report.rows] == [
        *("train", "reward_val", "selection_val", "test", "held_back", "pool"),
    ]
    assert report.rows[-1].counts == {"normal": 9, "tumour": 8}
    assert report.rows[-1].total == 17
    assert report.rows[0].size_px == (7, 5)


def test_without_a_pool_or_held_back_images_they_have_no_row(splits: Splits) -> None:
    report = describe_inputs(replace(splits, held_back=None), None)

    assert [row.part for row in report.rows] == ["train", "reward_val", "selection_val", "test"]


def test_the_standard_error_of_625_images_is_two_percent() -> None:
    assert standard_error(625) == pytest.approx(0.02)


def test_a_small_validation_set_is_a_warning_with_the_number_needed(splits: Splits) -> None:
    warnings = describe_inputs(splits, None).warnings

    assert any("selection_val has 19 images" in text and "625 images" in text for text in warnings)


def test_a_large_validation_set_is_no_warning(splits: Splits, image_set) -> None:
    large = image_set({"normal": 400, "tumour": 400}, seed=8)

    warnings = describe_inputs(replace(splits, reward_val=large), None).warnings

    assert not any("reward_val has" in text for text in warnings)


def test_images_shared_by_train_and_test_are_a_warning(splits: Splits) -> None:
    leaky = replace(splits, test=splits.train)

    assert (
        "19 images of train in test too, with the same pixels"
        in describe_inputs(leaky, None).warnings
    )


def test_patients_shared_by_two_splits_are_a_warning(splits: Splits) -> None:
    patients = np.array([f"P{index:02d}" for index in range(19)])
    shared = replace(
        splits,
        train=replace(splits.train, patients=patients),
        test=replace(splits.test, patients=np.roll(patients, 1).astype("U9")),
    )

    report = describe_inputs(shared, None)

    assert "19 patients in both train and test, first P00" in report.warnings
    assert report.rows[0].num_patients == 19
    assert report.rows[1].num_patients is None


def test_notes_of_splits_and_pool_are_passed_on(splits: Splits, image_set) -> None:
    pool = Pool(image_set({"normal": 9, "tumour": 8}), "gan", notes=("dropped 3 candidates",))
    report = describe_inputs(replace(splits, notes=("resized all",)), pool)

    texts = [finding.text for finding in report.findings if finding.level == "note"]

    assert "resized all" in texts
    assert "pool: dropped 3 candidates" in texts
