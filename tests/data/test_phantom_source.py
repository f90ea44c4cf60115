"""The phantom's splits: balanced, stable, and as many as asked for."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom import PhantomSource, draw_splits

SMALL = PhantomSource(num_train=53, num_val=31, num_test=29, size_px=16)


def splits_of(source: PhantomSource, seed: int = 0) -> dict[str, ImageSet]:
    return draw_splits(source, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def splits() -> dict[str, ImageSet]:
    return splits_of(SMALL)


def test_splits_have_the_sizes_asked_for(splits: dict[str, ImageSet]) -> None:
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 53,
        "val": 31,
        "test": 29,
    }


def test_same_seed_draws_the_same_images(splits: dict[str, ImageSet]) -> None:
    again = splits_of(SMALL)
    assert [s.digest for s in again.values()] == [s.digest for s in splits.values()]


def test_another_seed_draws_other_images(splits: dict[str, ImageSet]) -> None:
    other = splits_of(SMALL, seed=1)["train"]
    assert not set(other.value_digests) & set(splits["train"].value_digests)


def test_no_image_is_in_two_splits(splits: dict[str, ImageSet]) -> None:
    digests = np.concatenate([split.value_digests for split in splits.values()])
    assert len(set(digests)) == 53 + 31 + 29


def test_more_training_images_change_no_test_image(splits: dict[str, ImageSet]) -> None:
    more = splits_of(replace(SMALL, num_train=59))
    assert more["test"].digest == splits["test"].digest


@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_every_split_is_balanced_to_one_image(num_classes: int) -> None:
    for split in splits_of(replace(SMALL, num_classes=num_classes)).values():
        numbers = list(split.counts.values())
        assert len(numbers) == num_classes
        assert max(numbers) - min(numbers) <= 1


def test_labels_are_shuffled(splits: dict[str, ImageSet]) -> None:
    labels = splits["train"].labels
    assert 15 < (np.diff(labels) != 0).sum() < 40


def test_ids_name_the_split_and_the_place(splits: dict[str, ImageSet]) -> None:
    assert splits["val"].ids[12] == "phantom-val-00012"


@pytest.mark.parametrize(
    ("num_classes", "names"),
    [
        (2, ("normal", "tumour")),
        (4, ("normal", "grade_1", "grade_2", "grade_3")),
    ],
)
def test_classes_are_named_by_how_many_there_are(num_classes: int, names: tuple[str, ...]) -> None:
    source = replace(SMALL, num_train=8, num_val=8, num_test=8, num_classes=num_classes)
    assert splits_of(source)["test"].class_names == names


def test_tumour_is_darker_than_normal_tissue_on_average() -> None:
    train = splits_of(replace(SMALL, num_train=101, size_px=32))["train"]
    red = train.images[..., 0].mean(axis=(1, 2))
    assert red[train.labels == 1].mean() < red[train.labels == 0].mean() - 5


def test_classes_of_one_mean_grade_look_alike() -> None:
    train = splits_of(replace(SMALL, num_train=101, size_px=32, grade_separation=0.0))["train"]
    red = train.images[..., 0].mean(axis=(1, 2))
    difference = red[train.labels == 1].mean() - red[train.labels == 0].mean()
    assert abs(difference) < 3 * red.std() * 2 / 101**0.5


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("num_train", -1, "greater than 0"),
        ("num_val", 1, "greater than or equal to 2"),
        ("num_classes", 5, "less than or equal to 4"),
        ("size_px", 8, "greater than or equal to 16"),
        ("grade_spread", -0.1, "greater than or equal to 0"),
        ("name", "fantom", "should be 'phantom'"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting: str, value: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PhantomSource(**{setting: value})  # pyright: ignore[reportArgumentType]
