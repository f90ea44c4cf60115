"""What is said about the inputs before a run."""

from dataclasses import replace

import numpy as np
import pytest

from rlsel.data import EmbeddingSet, Ratios, Splits
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
    assert report.rows[0].shape == "7 x 5 px"


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


def test_what_is_said_as_a_warning_is_not_said_again_as_a_note(splits: Splits, image_set) -> None:
    large = image_set({"normal": 400, "tumour": 400}, seed=8)

    findings = describe_inputs(replace(splits, test=large), None).findings

    about = [finding.level for finding in findings if "reward_val" in finding.text]
    assert about == ["warning"]
    assert [f.level for f in findings if f.text.startswith("test:")] == ["note"]


def test_cautions_of_the_splits_are_warnings(splits: Splits) -> None:
    assert "beware" in describe_inputs(replace(splits, cautions=("beware",)), None).warnings


def test_ratios_that_would_mend_small_validation_sets_are_shown(image_set) -> None:
    def of(num: int, seed: int):
        return image_set({"normal": num, "tumour": num}, seed=seed, size=(4, 4))

    cut = Splits(of(1400, 1), of(100, 2), of(100, 3), of(400, 4), ratios=Ratios())
    line = (
        "data.ratios: {train: 0.48, val: 0.32, test: 0.2} would give each half of validation "
        "625 images or more"
    )

    assert line in describe_inputs(cut, None).warnings
    assert line not in describe_inputs(replace(cut, ratios=None), None).warnings
    assert 0.32 * 4000 / 2 >= 625


def test_ratios_that_mend_nothing_are_not_shown(splits: Splits) -> None:
    warnings = describe_inputs(replace(splits, ratios=Ratios()), None).warnings

    assert not any("data.ratios" in text for text in warnings)


def test_an_image_under_two_labels_is_a_warning_with_the_pairs(splits: Splits) -> None:
    images = splits.train.images.copy()
    images[18] = images[0]  # normal comes first, tumour last
    images[17] = images[1]

    warnings = describe_inputs(
        replace(splits, train=replace(splits.train, images=images)), None
    ).warnings

    (said,) = (text for text in warnings if "two labels" in text)
    assert said.startswith("2 images under two labels, with the same pixels: ")
    assert "real-1-0 and real-1-18" in said
    assert "real-1-1 and real-1-17" in said


def test_an_image_twice_under_one_label_is_no_warning_of_labels(splits: Splits) -> None:
    doubled = replace(splits, test=splits.train)

    assert not any("two labels" in text for text in describe_inputs(doubled, None).warnings)


def test_what_is_said_of_embeddings_calls_them_so() -> None:
    vectors_NF = np.tile(np.arange(8, dtype=np.float32), (24, 1))
    samples = EmbeddingSet(vectors_NF, np.arange(24) % 2, ("a", "b"), np.arange(24).astype(str))

    report = describe_inputs(Splits(*[samples] * 4), Pool(samples, source="a test"))

    said = " ".join(finding.text for finding in report.findings)
    assert "24 embeddings" in said
    assert "with the same numbers" in said
    assert "image" not in said
    assert "pixel" not in said


def test_images_that_are_nearly_black_are_a_warning(splits: Splits) -> None:
    dark = replace(splits, train=replace(splits.train, images=splits.train.images // 16))

    warnings = describe_inputs(dark, None).warnings

    assert any("no pixel of train is above 15 of 255" in text for text in warnings)


def test_classes_that_differ_in_case_or_blanks_are_a_warning(image_set) -> None:
    few = {"Tumour": 9, "normal": 9, "tumour ": 9}
    alike = Splits(*(image_set(few, seed=seed) for seed in range(4)))

    warnings = describe_inputs(alike, None).warnings

    assert any("classes 'Tumour' and 'tumour ' differ in case" in text for text in warnings)


def test_patients_known_in_some_splits_alone_are_a_warning(splits: Splits) -> None:
    patients = np.array([f"P{index:02d}" for index in range(19)])
    partly = replace(splits, train=replace(splits.train, patients=patients))

    warnings = describe_inputs(partly, None).warnings

    assert any(
        text.startswith("patients of reward_val, selection_val, test are unknown, those of train")
        for text in warnings
    )
