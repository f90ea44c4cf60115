"""The phantom's pool: exact shares of each kind, and an order that tells nothing."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError

from rlsel.data.image_set import ImageSet
from rlsel.data.phantom import (
    KINDS,
    USEFUL_KINDS,
    PhantomPool,
    PhantomSource,
    draw_candidates,
    draw_splits,
)
from rlsel.data.phantom.faults import ARTEFACTS, add_artefact, blur, near_duplicate
from rlsel.errors import InputError

SOURCE = PhantomSource(num_train=53, num_val=2, num_test=2, size_px=16)
POOL = PhantomPool(
    num_candidates=200, wrong_label=0.3, blurred=0.1, artefact=0.15, near_duplicate=0.05
)
ONLY = PhantomPool(num_candidates=40, wrong_label=0, blurred=0, artefact=0, near_duplicate=0)
Drawn = tuple[ImageSet, np.ndarray, np.ndarray]


@cache
def train_of(source: PhantomSource) -> ImageSet:
    return draw_splits(source, np.random.default_rng(0))["train"]


def draw(pool: PhantomPool, source: PhantomSource = SOURCE, seed: int = 0) -> Drawn:
    return draw_candidates(pool, source, train_of(source), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def train() -> ImageSet:
    return train_of(SOURCE)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(POOL)


def distance_to_nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) root mean square of the pixel differences to the most similar of `others`."""
    differences = images[:, None].astype(np.float32) - others[None]
    return np.sqrt((differences**2).mean(axis=(2, 3, 4))).min(axis=1)


def test_each_kind_has_exactly_its_share(drawn: Drawn) -> None:
    assert Counter(drawn[1]) == {
        "faithful": 80,
        "wrong_label": 60,
        "blurred": 20,
        "artefact": 30,
        "near_duplicate": 10,
    }


@pytest.mark.parametrize("num_candidates", [1, 7, 101])
def test_kinds_sum_to_any_number_of_candidates(num_candidates: int) -> None:
    candidates, kinds, useful = draw(replace(POOL, num_candidates=num_candidates))
    assert len(candidates) == len(kinds) == len(useful) == num_candidates


@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_the_pool_is_balanced_over_given_labels(num_classes: int) -> None:
    pool = replace(POOL, num_candidates=47)
    candidates, _, _ = draw(pool, replace(SOURCE, num_classes=num_classes))
    numbers = list(candidates.counts.values())
    assert max(numbers) - min(numbers) <= 1


def test_every_kind_has_about_as_many_of_each_label(drawn: Drawn) -> None:
    candidates, kinds, _ = drawn
    for kind in KINDS:
        of_kind = candidates.labels[kinds == kind]
        assert abs(of_kind.mean() - 0.5) < 2.5 * 0.5 / len(of_kind) ** 0.5


def test_useful_are_the_useful_kinds(drawn: Drawn) -> None:
    assert np.array_equal(drawn[2], np.isin(drawn[1], USEFUL_KINDS))


def test_the_order_tells_nothing_of_the_truth() -> None:
    small = replace(POOL, num_candidates=41)
    ranks = [np.flatnonzero(draw(small, seed=seed)[2]).mean() / 40 for seed in range(16)]
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.06)


def test_ids_do_not_name_the_kind(drawn: Drawn) -> None:
    assert list(drawn[0].ids[:2]) == ["phantom-pool-00000", "phantom-pool-00001"]


def test_same_seed_draws_the_same_pool(drawn: Drawn) -> None:
    assert draw(POOL)[0].digest == drawn[0].digest


def test_no_candidate_is_a_training_image(drawn: Drawn, train: ImageSet) -> None:
    assert not set(drawn[0].value_digests) & set(train.value_digests)


def test_near_duplicates_are_much_closer_to_a_training_image_than_fresh_ones(
    drawn: Drawn, train: ImageSet
) -> None:
    candidates, kinds, _ = drawn
    nearest = distance_to_nearest(candidates.images, train.images)
    repeated = nearest[kinds == "near_duplicate"]
    assert np.median(repeated) < 0.75 * np.median(nearest[kinds == "faithful"])


def test_a_near_duplicate_repeats_an_image_of_its_own_label(train: ImageSet) -> None:
    candidates, _, _ = draw(replace(ONLY, near_duplicate=1.0))
    of_label = [train.images[train.labels == label] for label in (0, 1)]
    own = [distance_to_nearest(candidates.images, images) for images in of_label]
    closer_to_1 = own[1] < own[0]
    assert (closer_to_1 == candidates.labels).mean() > 0.85


def test_wrong_labels_lie_on_images_of_another_class() -> None:
    source = replace(SOURCE, size_px=32, grade_separation=1.0, attribute_spread=0.0)
    candidates, _, _ = draw(replace(ONLY, num_candidates=60, wrong_label=1.0), source)
    red = candidates.images[..., 0].mean(axis=(1, 2))
    assert red[candidates.labels == 1].mean() > red[candidates.labels == 0].mean() + 10


def test_blur_removes_detail(train: ImageSet) -> None:
    blurred = blur(train.images, np.random.default_rng(0))
    detail = [np.abs(np.diff(x.astype(int), axis=1)).mean() for x in (train.images, blurred)]
    assert detail[1] < 0.6 * detail[0]


def test_a_near_duplicate_is_no_copy(train: ImageSet) -> None:
    copies = near_duplicate(train.images, np.random.default_rng(0))
    assert not (copies == train.images).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize("name", ARTEFACTS)
def test_every_artefact_changes_the_image_and_keeps_its_shape(name: str, train: ImageSet) -> None:
    image = train.images[0].astype(np.float32)
    spoilt = ARTEFACTS[name](image, np.random.default_rng(0))
    assert spoilt.shape == image.shape
    assert np.abs(spoilt - image).mean() > 3


def test_artefacts_of_no_images_are_none() -> None:
    none = np.zeros((0, 16, 16, 3), np.uint8)
    assert add_artefact(none, np.random.default_rng(0)).shape == none.shape


def test_fractions_over_one_are_refused_with_their_sum() -> None:
    with pytest.raises(ValidationError, match=r"sum to 1\.3 \(wrong_label 0\.9, blurred 0\.3"):
        PhantomPool(wrong_label=0.9, blurred=0.3, artefact=0.1, near_duplicate=0.0)


@pytest.mark.parametrize("setting", ["wrong_label", "blurred", "artefact", "near_duplicate"])
def test_a_negative_fraction_is_refused(setting: str) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PhantomPool(**{setting: -0.1})  # pyright: ignore[reportArgumentType]


def test_a_class_without_training_images_is_an_error_that_names_it(train: ImageSet) -> None:
    normal = train.take(train.labels == 0)
    with pytest.raises(InputError, match="near duplicates of 'tumour' need a training image"):
        draw_candidates(POOL, SOURCE, normal, np.random.default_rng(0))
