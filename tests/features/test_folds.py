"""Several extractors, each used with the real samples that are new to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_features import image_set, small_features, small_pool, small_splits

from rlsel.classifier import ClassifierConfig
from rlsel.errors import InputError
from rlsel.features import (
    Extracted,
    FeaturesConfig,
    describe_candidates,
    extractions,
)
from rlsel.features.extract import digest_of
from rlsel.features.extractors.config import TorchvisionExtractor
from rlsel.features.folds import mean_table, unseen_rows
from rlsel.heads import LogisticHeads
from rlsel.machine.cache.kept import kept

CONFIG = FeaturesConfig(extractor=ClassifierConfig(epochs=1), folds=2)
TRAIN = small_splits().train


def test_every_real_sample_is_new_to_exactly_one_extractor() -> None:
    parts = unseen_rows(replace(CONFIG, folds=3), TRAIN, seed=0)

    assert len(parts) == 3
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(TRAIN)))
    for part in parts:
        assert np.bincount(TRAIN.labels[part], minlength=3).min() >= 2


def test_a_patient_is_new_to_one_extractor_with_all_of_his_samples() -> None:
    patients = np.array([f"p{index % 7}" for index in range(len(TRAIN))])

    parts = unseen_rows(CONFIG, replace(TRAIN, patients=patients), seed=0)

    assert not set(patients[parts[0]]) & set(patients[parts[1]])


def test_another_seed_draws_other_folds() -> None:
    one, other = (unseen_rows(CONFIG, TRAIN, seed)[0] for seed in (0, 1))

    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    "config",
    [
        replace(CONFIG, folds=1),
        replace(CONFIG, extractor=TorchvisionExtractor(model="resnet18", weights="random")),
    ],
)
def test_without_folds_or_without_a_training_all_samples_are_used(config: FeaturesConfig) -> None:
    assert unseen_rows(config, TRAIN, seed=0) == [None]


def test_too_many_folds_are_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"features\.folds is 9, and a fold would have [01] real"):
        unseen_rows(replace(CONFIG, folds=9), TRAIN, seed=0)


def test_descriptors_take_only_what_is_new_to_the_extractor() -> None:
    features, splits, pool = small_features(), small_splits(), small_pool().candidates
    unseen = np.arange(3, len(TRAIN), 2)
    changed = features.train.copy()
    changed[np.setdiff1d(np.arange(len(TRAIN)), unseen)] = 99.0

    one, other = (
        describe_candidates(
            replace(features, train=x, unseen=unseen), pool, TRAIN, splits.reward_val
        )
        for x in (features.train, changed)
    )

    assert np.array_equal(one.own_distance, other.own_distance)
    assert np.array_equal(one.knn_label_agreement, other.knn_label_agreement)
    everything = describe_candidates(features, pool, TRAIN, splits.reward_val)
    assert not np.array_equal(one.own_distance, everything.own_distance)


def test_a_table_of_folds_is_the_mean_of_every_column() -> None:
    features, splits, pool = small_features(), small_splits(), small_pool().candidates
    tables = [
        describe_candidates(replace(features, unseen=part), pool, TRAIN, splits.reward_val)
        for part in unseen_rows(CONFIG, TRAIN, seed=0)
    ]

    table = mean_table(tables)

    assert np.array_equal(table.labels, pool.labels)
    for name in ("own_distance", "margin", "head_log_probability", "nearest_candidate"):
        one, other = (getattr(each, name) for each in tables)
        assert getattr(table, name) == pytest.approx((one + other) / 2)


def test_a_weight_counts_as_so_many_equal_rows() -> None:
    rng = np.random.default_rng(0)
    x_NP = torch.from_numpy(np.column_stack((rng.standard_normal((23, 5)), np.ones(23))))
    labels_N = torch.from_numpy(rng.integers(0, 3, 23))
    weight_N = torch.from_numpy(rng.integers(1, 4, 23)).double()
    repeated = torch.repeat_interleave(torch.arange(23), weight_N.long())
    used_MN = torch.from_numpy(rng.random((4, 23)) < 0.7)

    weighted = LogisticHeads(x_NP, labels_N, 3, 0.01, weight_N=weight_N).fit(used_MN)
    plain = LogisticHeads(x_NP[repeated], labels_N[repeated], 3, 0.01).fit(used_MN[:, repeated])

    assert weighted.numpy() == pytest.approx(plain.numpy(), abs=1e-4)


@pytest.mark.slow
def test_each_extractor_is_trained_without_its_samples_and_kept_beside_the_others(
    tmp_path: Path,
) -> None:
    splits, pool = small_splits(), small_pool()

    def all_of(train_images: np.ndarray, run: str) -> list[Extracted]:
        given = replace(splits, train=replace(splits.train, images=train_images))
        return [kept(one, tmp_path / run) for one in extractions(CONFIG, given, pool, seed=0)]

    first, second = all_of(TRAIN.images, "run")

    assert first.features.unseen is not None
    assert (tmp_path / "run" / "features.npz").exists()
    assert (tmp_path / "run" / "features_1.npz").exists()
    assert digest_of([first.features, second.features]) != first.features.digest
    again = all_of(TRAIN.images, "run")
    assert np.array_equal(again[1].features.unseen, second.features.unseen)
    assert np.array_equal(again[1].features.candidates, second.features.candidates)
    # Other pixels of samples that an extractor does not see leave it as it is.
    changed = TRAIN.images.copy()
    changed[first.features.unseen] = image_set(len(TRAIN), 99, 3).images[first.features.unseen]
    other_first, other_second = all_of(changed, "other")
    assert np.array_equal(other_first.features.candidates, first.features.candidates)
    assert not np.array_equal(other_second.features.candidates, second.features.candidates)
