"""A result has the same name exactly where it would be the same."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_workbench import NUM_CANDIDATES, Parts, none, probe_job, right, small_parts

from rlsel.classifier import ClassifierConfig
from rlsel.classifier.resnet import build_resnet34
from rlsel.data import ImageSet, Splits
from rlsel.rewards import Job

PARTS = small_parts()
FULL = Job(right(), "full", seed=0, split="reward_val")
PROBE = probe_job(right())


def key(parts: Parts, job: Job) -> str:
    return parts.bench().keys(job)


def with_probe(**changed: Any) -> Parts:
    reward = PARTS.reward
    return replace(PARTS, reward=replace(reward, probe=replace(reward.probe, **changed)))


def with_samples(name: str, **changed: Any) -> Parts:
    if name == "candidates":
        return replace(PARTS, candidates=replace(PARTS.candidates, **changed))
    samples = replace(getattr(PARTS.splits, name), **changed)
    return replace(PARTS, splits=replace(PARTS.splits, **{name: samples}))


def samples_of(name: str) -> ImageSet:
    return PARTS.candidates if name == "candidates" else getattr(PARTS.splits, name)


def test_the_same_job_has_the_same_key_in_another_process_too() -> None:
    # Pinned: a ledger must stay readable. A change here means that old ledgers answer nothing.
    assert key(small_parts(), PROBE) == key(PARTS, PROBE)
    assert len(key(PARTS, PROBE)) == 32


@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_kept_set_has_another_key(job: Job) -> None:
    masks = [none(), ~none(), right(), ~right()]
    masks += [right() & (np.arange(NUM_CANDIDATES) != index) for index in (6, 7)]

    assert len({key(PARTS, replace(job, kept_N=mask_N)) for mask_N in masks}) == 6


def test_the_order_of_the_pool_does_not_change_a_key() -> None:
    order_N = np.random.default_rng(0).permutation(NUM_CANDIDATES)
    keys = replace(PARTS.bench().keys, candidate_ids_N=PARTS.bench().keys.candidate_ids_N[order_N])

    assert keys(replace(FULL, kept_N=right()[order_N])) == key(PARTS, FULL)
    assert keys(FULL) != key(PARTS, FULL)


def test_the_seed_changes_the_key_of_a_full_training_alone() -> None:
    assert key(PARTS, replace(FULL, seed=1)) != key(PARTS, FULL)
    assert key(PARTS, replace(PROBE, seed=1)) == key(PARTS, PROBE)


def test_fidelity_and_split_change_the_key() -> None:
    jobs = [
        replace(FULL, fidelity=fidelity, split=split)
        for fidelity in ("probe", "full")
        for split in ("reward_val", "selection_val", "test")
    ]

    assert len({key(PARTS, job) for job in jobs}) == 6


def test_settings_change_the_key_of_their_own_fidelity_alone() -> None:
    other_classifier = replace(PARTS, classifier=ClassifierConfig(epochs=3))
    other_probe = with_probe(l2=0.5)

    assert key(other_classifier, FULL) != key(PARTS, FULL)
    assert key(other_classifier, PROBE) == key(PARTS, PROBE)
    assert key(other_probe, FULL) == key(PARTS, FULL)
    assert key(other_probe, PROBE) != key(PARTS, PROBE)


@pytest.mark.parametrize(
    "changed",
    [
        {"epochs": 3},
        {"batch_size": 17},
        {"lr": 0.0011},
        {"flips": False},
        {"colour_jitter": 0.1},
        {"acceleration": "none"},
        {"precision": "auto"},
        {"num_validated_epochs": 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_of_the_classifier_changes_the_key_of_a_full_training(
    changed: dict[str, Any],
) -> None:
    other = replace(PARTS, classifier=replace(PARTS.classifier, **changed))

    assert key(other, FULL) != key(PARTS, FULL)


def test_a_checkpoint_counts_by_what_is_in_it(tmp_path: Path) -> None:
    def key_with(name: str, seed: int) -> str:
        content = BytesIO()  # saved to a file, its name would be part of it
        torch.save(build_resnet34(2, seed).state_dict(), content)
        (tmp_path / name).write_bytes(content.getvalue())
        classifier = replace(PARTS.classifier, weights=tmp_path / name)
        return key(replace(PARTS, classifier=classifier), FULL)

    once = key_with("a.pt", seed=5)

    assert once != key(PARTS, FULL)
    assert once == key_with("b.pt", seed=5)
    assert once != key_with("a.pt", seed=6)


@pytest.mark.parametrize("changed", [{"num_components": 5}, {"l2": 0.0031}])
def test_every_setting_of_the_probe_changes_the_key_of_a_probe(changed: dict[str, Any]) -> None:
    other = with_probe(**changed)

    assert key(other, PROBE) != key(PARTS, PROBE)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
def test_other_features_change_the_key_of_the_probe_alone(name: str) -> None:
    changed = {name: getattr(PARTS.features, name) + 1}
    other = replace(PARTS, features=replace(PARTS.features, **changed))

    assert key(other, PROBE) != key(PARTS, PROBE)
    assert key(other, FULL) == key(PARTS, FULL)


def test_features_of_a_split_that_is_not_scored_change_no_key() -> None:
    changed = PARTS.features.selection_val + 1
    other = replace(PARTS, features=replace(PARTS.features, selection_val=changed))

    assert key(other, PROBE) == key(PARTS, PROBE)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_pixel_changes_the_key(name: str, job: Job) -> None:
    images = samples_of(name)
    changed = images.images.copy()
    changed[3, 5, 7, 1] ^= 1

    other = with_samples(name, images=changed)

    assert key(other, job) != key(PARTS, job)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_label_changes_the_key(name: str, job: Job) -> None:
    images = samples_of(name)
    changed = images.labels.copy()
    changed[3] = 1 - changed[3]

    other = with_samples(name, labels=changed)

    assert key(other, job) != key(PARTS, job)


def test_another_order_of_the_classes_changes_the_key() -> None:
    names = PARTS.candidates.class_names[::-1]
    splits = {name: replace(part, class_names=names) for name, part in PARTS.splits.named().items()}
    candidates = replace(PARTS.candidates, class_names=names)

    other = replace(PARTS, splits=Splits(**splits), candidates=candidates)

    assert key(other, FULL) != key(PARTS, FULL)


@pytest.mark.parametrize("name", ["selection_val", "test"])
def test_a_split_that_is_not_scored_does_not(name: str) -> None:
    fewer = samples_of(name).take(np.arange(11))
    other = replace(PARTS, splits=replace(PARTS.splits, **{name: fewer}))

    assert key(other, FULL) == key(PARTS, FULL)


@pytest.mark.parametrize("arithmetic", ["cpu bf16", "cuda fp32", "cuda bf16"])
def test_what_was_trained_in_another_arithmetic_has_another_key(arithmetic: str) -> None:
    plain = replace(PARTS.bench().keys, arithmetic="cpu fp32")
    other = replace(PARTS.bench().keys, arithmetic=arithmetic)

    for fidelity in ("full", "finetune"):
        assert other(replace(FULL, fidelity=fidelity)) != plain(replace(FULL, fidelity=fidelity))
    assert other(PROBE) == plain(PROBE), "it is solved on a CPU in any case"
