"""Planted copies are found however they are disguised; new images are left alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from rlsel.data import ImageSet
from rlsel.quality import CopyAudit, audit_copies, nearest, selection_risk
from rlsel.quality.copies import (
    COPY_RATIO,
    NUM_NEIGHBOURS,
    describe_pixels,
    nearest_original,
)

RNG = np.random.default_rng(0)
NUM_COPIES = 19


def tissue(num: int, seed: int, height: int = 32, width: int = 32) -> np.ndarray:
    """Smooth blots of many contrasts, from nearly blank to full."""
    rng = np.random.default_rng(seed)
    blots = gaussian_filter(rng.standard_normal((num, height, width, 3)), (0, 3, 3, 0))
    contrast = rng.uniform(2, 50, (num, 1, 1, 1))
    return as_bytes(150 + contrast * blots / blots.std() + rng.normal(0, 3, blots.shape))


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def image_set(images: np.ndarray, num_classes: int = 2) -> ImageSet:
    names = tuple(f"class {c}" for c in range(num_classes))
    ids = np.array([str(i) for i in range(len(images))])
    return ImageSet(images, np.arange(len(images)) % num_classes, names, ids)


TRAIN, HELD_OUT = image_set(tissue(97, 1)), image_set(tissue(89, 2))
ORIGINALS = TRAIN.images[:NUM_COPIES]


@pytest.fixture(autouse=True)
def the_same_draws_whichever_tests_run() -> None:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def audit(candidates: np.ndarray, **sets: ImageSet) -> CopyAudit:
    rng = np.random.default_rng(0)
    return audit_copies(
        image_set(candidates), sets.get("train", TRAIN), sets.get("held_out", HELD_OUT), rng
    )


DISGUISES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda x: x,
    "mirrored": lambda x: x[:, :, ::-1],
    "upside down": lambda x: x[:, ::-1],
    "turned": lambda x: np.rot90(x, 1, (1, 2)),
    "turned back": lambda x: np.rot90(x, 3, (1, 2)),
    "transposed": lambda x: x.swapaxes(1, 2),
    "noise": lambda x: as_bytes(x + RNG.normal(0, 5, x.shape)),
    "mirrored, with noise": lambda x: as_bytes(x[:, :, ::-1] + RNG.normal(0, 5, x.shape)),
    "recoloured": lambda x: as_bytes(0.9 * x + [10, -5, 20]),
    "blurred": lambda x: as_bytes(gaussian_filter(x.astype(float), (0, 1, 1, 0))),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_copies_are_flagged_and_traced_to_their_originals(disguise: str) -> None:
    fresh = tissue(23, 3)

    found = audit(np.concatenate((DISGUISES[disguise](ORIGINALS), fresh)))

    assert found.flagged[:NUM_COPIES].all()
    assert not found.flagged[NUM_COPIES:].any()
    assert found.content.candidates.nearest[:NUM_COPIES].tolist() == list(range(NUM_COPIES))


@pytest.mark.parametrize("disguise", ["none", "mirrored", "turned", "transposed"])
def test_an_exact_copy_is_at_distance_zero_and_leans_to_train_alone(disguise: str) -> None:
    found = audit(DISGUISES[disguise](ORIGINALS)).content

    assert found.candidates.distance.tolist() == [0.0] * NUM_COPIES
    assert (found.lean == 0).mean() > 0.8  # the others' originals were not drawn as references


def test_new_images_are_rarely_flagged() -> None:
    found = audit(tissue(503, 4))

    assert found.share_flagged() <= 0.01
    assert found.content.held_out_flagged.mean() <= 0.02
    assert np.median(found.content.lean) == pytest.approx(0.5, abs=0.01)


def test_images_that_are_not_square_are_mirrored_but_not_turned() -> None:
    train, held_out = (image_set(tissue(53, seed, 24, 40)) for seed in (1, 2))
    mirrored = train.images[:7, ::-1, ::-1]

    found = audit(mirrored, train=train, held_out=held_out)

    assert found.flagged.all()
    assert describe_pixels(mirrored).shape == (4, 7, 8 * 13 * 3)


def test_a_copy_of_an_image_that_train_holds_three_times_is_flagged() -> None:
    train = image_set(np.concatenate((ORIGINALS[:1], ORIGINALS[:1], TRAIN.images)))

    assert audit(ORIGINALS[:1], train=train).flagged.all()


def test_blank_images_among_blank_ones_are_nobodys_copies() -> None:
    blank = np.full((29, 32, 32, 3), 240, np.uint8)

    found = audit(blank[:3], train=image_set(np.concatenate((blank, TRAIN.images))))

    assert found.content.candidates.relative.tolist() == [1.0] * 3
    assert not found.flagged.any()


def test_where_new_images_come_as_near_only_what_is_nearer_still_is_flagged() -> None:
    near = as_bytes(ORIGINALS + RNG.normal(0, 15, ORIGINALS.shape))
    leaking = image_set(np.concatenate((HELD_OUT.images, near)))
    candidates = np.concatenate((as_bytes(ORIGINALS + RNG.normal(0, 15, near.shape)), ORIGINALS))

    strict, lenient = audit(candidates), audit(candidates, held_out=leaking)

    assert strict.flagged[:NUM_COPIES].mean() > 0.8
    assert lenient.flagged[:NUM_COPIES].mean() < 0.2
    assert lenient.flagged[NUM_COPIES:].all()
    assert (lenient.content.threshold < strict.content.threshold).all()


def test_each_class_has_its_own_threshold_and_one_without_held_out_images_the_ratio_alone() -> None:
    train = image_set(TRAIN.images, num_classes=3)
    near = image_set(as_bytes(TRAIN.images + RNG.normal(0, 15, TRAIN.images.shape)), num_classes=3)
    nearer = as_bytes(TRAIN.images + RNG.normal(0, 2, TRAIN.images.shape))
    held_out = replace(train, images=nearer).take(train.labels == 1)

    found = audit_copies(near, train, held_out, np.random.default_rng(0))

    assert found.content.threshold[[0, 2]].tolist() == [COPY_RATIO] * 2
    assert found.content.threshold[1] < 0.1
    assert [found.share_flagged(near.labels == c) > 0.5 for c in range(3)] == [True, False, True]


def test_held_out_images_that_are_the_training_images_pull_as_strongly() -> None:
    lean_N = audit(tissue(31, 5), held_out=TRAIN).content.lean

    assert lean_N.tolist() == [0.5] * 31


def test_a_candidate_leans_to_the_side_of_its_nearest_image() -> None:
    held_out = image_set(tissue(97, 2))  # as many of each class as train has
    candidates = tissue(31, 5)

    lean_N = audit(candidates, held_out=held_out).content.lean

    seen_N, unseen_N = (
        nearest_original(describe_pixels(candidates), describe_pixels(images)[0]).distance
        for images in (TRAIN.images, held_out.images)
    )
    assert lean_N == pytest.approx(seen_N / (seen_N + unseen_N))


def test_by_luck_a_candidate_leans_to_either_side_but_to_its_original_in_half_the_deals() -> None:
    found = audit(np.concatenate((ORIGINALS, tissue(31, 5)))).content

    assert found.lean_by_luck.mean(axis=0) == pytest.approx(np.full(50, 0.5), abs=0.2)
    drawn_N = found.lean[:NUM_COPIES] == 0
    by_luck_RN = found.lean_by_luck[:, :NUM_COPIES][:, drawn_N]
    assert np.unique(by_luck_RN).tolist() == [0, 1]


def test_selections_by_the_look_of_honest_candidates_are_rarely_called_a_risk() -> None:
    raised = 0
    for seed in range(20):
        train, held_out, pool = (
            image_set(tissue(n, 3 * seed + i, 8, 8)) for i, n in enumerate((41, 47, 101))
        )
        found = audit_copies(pool, train, held_out, np.random.default_rng(seed))
        contrast_N = pool.images.std(axis=(1, 2, 3))
        raised += selection_risk(found, contrast_N < np.median(contrast_N)).raised

    assert raised <= 1


def test_features_are_compared_by_angle_and_flag_nothing_by_themselves() -> None:
    train_MF, held_out_HF = RNG.standard_normal((97, 13)), RNG.standard_normal((89, 13))
    candidate_NF = np.concatenate((5 * train_MF[:7], RNG.standard_normal((11, 13))))
    candidates = image_set(tissue(18, 6))
    features = (candidate_NF, train_MF, held_out_HF)

    found = audit_copies(candidates, TRAIN, HELD_OUT, np.random.default_rng(0), features)

    assert found.features is not None
    assert found.features.candidates.nearest[:7].tolist() == list(range(7))
    assert found.features.flagged.tolist() == [True] * 7 + [False] * 11
    assert not found.flagged.any()
    assert list(found.spaces) == ["pixels", "features"]


def test_the_share_of_copies_is_that_among_the_mask() -> None:
    found = audit(np.concatenate((ORIGINALS[:3], tissue(7, 7))))
    first_five = np.arange(10) < 5

    assert found.share_flagged() == pytest.approx(0.3)
    assert found.share_flagged(first_five) == pytest.approx(0.6)
    assert np.isnan(found.share_flagged(np.zeros(10, dtype=bool)))
    assert list(found.spaces) == ["pixels"]


@pytest.mark.parametrize("block", [1, 7, 128])
def test_the_nearest_original_is_that_of_a_naive_loop(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "BLOCK", block)
    views_VNF, train_MF = RNG.standard_normal((3, 23, 5)), RNG.standard_normal((41, 5))

    found = nearest_original(views_VNF, train_MF)

    for n in range(23):
        distances = [
            min(float(np.linalg.norm(view_F - one_F)) for view_F in views_VNF[:, n])
            for one_F in train_MF
        ]
        first, *others = sorted(distances)
        assert found.nearest[n] == np.argmin(distances)
        assert found.distance[n] == pytest.approx(first)
        assert found.relative[n] == pytest.approx(first / np.mean(others[:NUM_NEIGHBOURS]))


def test_with_few_training_images_all_others_are_the_neighbourhood() -> None:
    found = nearest_original(np.zeros((1, 1, 1)), np.array([[1.0], [4.0], [-2.0]]))

    assert (found.nearest[0], found.distance[0], found.relative[0]) == (
        0,
        1.0,
        pytest.approx(1 / 3),
    )


def test_one_training_image_has_no_neighbourhood() -> None:
    with pytest.raises(ValueError, match="1 images to compare with: distances need two"):
        nearest_original(np.zeros((1, 3, 2)), np.zeros((1, 2)))


def test_sets_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="held-out images differ"):
        audit(tissue(3, 0, 24, 24))
    features = (np.ones((3, 2)), np.ones((97, 2)), np.ones((88, 2)))
    with pytest.raises(ValueError, match=r"features have \[3, 97, 88\] rows for \[3, 97, 89\]"):
        audit_copies(image_set(tissue(3, 0)), TRAIN, HELD_OUT, RNG, features)
