"""A planted pool is balanced, shuffled and known to the last candidate."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from rlsel.data import ImageSet, Splits
from rlsel.errors import InputError
from rlsel.pool.planted import PlantedPool, blur, noise_like, plant


def plant_from(splits: Splits, seed: int = 0, **settings):
    config = PlantedPool(**{"num_candidates": 64, **settings})
    return plant(config, splits.held_back, np.random.default_rng(seed))


def original_rows(splits: Splits, candidates: ImageSet) -> list[int]:
    """The held-back row of each candidate, from its id."""
    assert splits.held_back is not None
    row_of = {name: row for row, name in enumerate(splits.held_back.ids.tolist())}
    return [row_of[name.removeprefix("planted/")] for name in candidates.ids.tolist()]


def test_each_given_label_has_the_same_number_of_each_kind(splits: Splits) -> None:
    pool = plant_from(splits, wrong_label=0.5, blurred=0.25, noise=0.125)

    for label in (0, 1):
        kinds, counts = np.unique(
            np.asarray(pool.kinds)[pool.candidates.labels == label], return_counts=True
        )
        assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == {
            "right_label": 4,
            "wrong_label": 16,
            "blurred": 8,
            "noise": 4,
        }


def test_half_of_1024_can_be_wrong_with_256_for_each_given_class(image_set) -> None:
    held_back = image_set({"normal": 520, "tumour": 530}, size=(2, 2))

    pool = plant(PlantedPool(), held_back, np.random.default_rng(0))

    assert pool.kind_counts == {"right_label": 512, "wrong_label": 512}
    for kind in ("right_label", "wrong_label"):
        assert np.bincount(pool.candidates.labels[pool.kinds == kind]).tolist() == [256, 256]


def test_exactly_the_wrong_labels_differ_from_the_truth(splits: Splits) -> None:
    pool = plant_from(splits, blurred=0.2)
    assert splits.held_back is not None

    truth = splits.held_back.labels[original_rows(splits, pool.candidates)]

    assert np.array_equal(pool.candidates.labels != truth, np.asarray(pool.kinds) == "wrong_label")


def test_pixels_change_for_blurred_and_noise_alone(splits: Splits) -> None:
    pool = plant_from(splits, wrong_label=0.25, blurred=0.25, noise=0.25)
    assert splits.held_back is not None

    originals = splits.held_back.images[original_rows(splits, pool.candidates)]
    changed = (pool.candidates.images != originals).any(axis=(1, 2, 3))

    assert np.array_equal(changed, np.isin(np.asarray(pool.kinds), ("blurred", "noise")))


def test_planting_leaves_the_held_back_images_as_they_were(splits: Splits) -> None:
    assert splits.held_back is not None
    before = splits.held_back.images.copy()

    plant_from(splits, wrong_label=0.0, noise=1.0)

    assert np.array_equal(splits.held_back.images, before)


def test_faults_that_sum_to_one_leave_no_right_label(splits: Splits) -> None:
    pool = plant_from(splits, wrong_label=0.7, blurred=0.2, noise=0.1)

    assert "right_label" not in pool.kind_counts
    assert not np.asarray(pool.useful).any()


def test_no_held_back_image_is_used_twice(splits: Splits) -> None:
    rows = original_rows(splits, plant_from(splits).candidates)

    assert len(set(rows)) == len(rows) == 64


def test_only_the_right_label_is_useful(splits: Splits) -> None:
    pool = plant_from(splits, wrong_label=0.25, blurred=0.25, noise=0.25)

    assert np.array_equal(np.asarray(pool.useful), np.asarray(pool.kinds) == "right_label")


def test_the_order_says_nothing_about_kind_or_label(splits: Splits) -> None:
    pool = plant_from(splits)

    for values in (np.asarray(pool.useful), pool.candidates.labels == 0):
        num_runs = 1 + np.count_nonzero(values[1:] != values[:-1])
        assert 20 < num_runs < 45


def test_the_same_seed_plants_the_same_pool(splits: Splits) -> None:
    assert plant_from(splits, seed=3).digest == plant_from(splits, seed=3).digest
    assert plant_from(splits, seed=3).digest != plant_from(splits, seed=4).digest


def test_with_three_classes_wrong_labels_come_from_both_others(image_set) -> None:
    held_back = image_set({"a": 40, "b": 40, "c": 40})

    config = PlantedPool(num_candidates=90, wrong_label=0.2)
    pool = plant(config, held_back, np.random.default_rng(0))

    row_of = {name: row for row, name in enumerate(held_back.ids.tolist())}
    rows = [row_of[name.removeprefix("planted/")] for name in pool.candidates.ids.tolist()]
    pairs = np.stack((pool.candidates.labels, held_back.labels[rows]))[:, ~np.asarray(pool.useful)]
    assert np.unique(pairs, axis=1, return_counts=True)[1].tolist() == [3] * 6


def test_too_few_held_back_images_says_what_to_lower(splits: Splits) -> None:
    with pytest.raises(
        InputError, match=r"num_candidates is 120, which needs 60 .* (normal|tumour)"
    ):
        plant_from(splits, num_candidates=120)


def test_nothing_held_back_says_what_to_set(splits: Splits) -> None:
    with pytest.raises(InputError, match=r"no image was held back: set data.num_train below"):
        plant_from(replace(splits, held_back=None))


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"wrong_label, blurred and noise sum to 1.1"):
        PlantedPool(wrong_label=0.6, blurred=0.5)


def test_blur_keeps_the_mean_and_takes_away_the_detail() -> None:
    image = np.random.default_rng(0).integers(0, 256, (31, 29, 3), dtype=np.uint8)

    blurred = blur(image, 2.0)

    assert abs(blurred.mean() - image.mean()) < 3
    assert blurred.std() < image.std() / 3


def test_noise_keeps_the_colour_of_the_image_alone() -> None:
    image = np.full((37, 41, 3), (180, 90, 140), dtype=np.uint8)
    image[::2] -= 10

    noise = noise_like(image, np.random.default_rng(0))

    assert noise.mean(axis=(0, 1)) == pytest.approx(image.mean(axis=(0, 1)), abs=1)
    assert noise.std(axis=(0, 1)) == pytest.approx(image.std(axis=(0, 1)), abs=1)
