"""A result has the same name exactly where it would be the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_workbench import NUM_CANDIDATES, none, probe_job, right, small_workbench

from rlsel.classifier import ClassifierConfig
from rlsel.rewards import Job, ProbeConfig, Workbench

BENCH = small_workbench()
FULL = Job(right(), "full", seed=0, split="reward_val")
PROBE = probe_job(right())


def key(bench: Workbench, job: Job) -> str:
    return bench.keys(job)


def test_the_same_job_has_the_same_key_in_another_process_too() -> None:
    # Pinned: a ledger must stay readable. A change here means that old ledgers answer nothing.
    assert key(small_workbench(), PROBE) == key(BENCH, PROBE)
    assert len(key(BENCH, PROBE)) == 32


@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_kept_set_has_another_key(job: Job) -> None:
    masks = [none(), ~none(), right(), ~right()]
    masks += [right() & (np.arange(NUM_CANDIDATES) != index) for index in (6, 7)]

    assert len({key(BENCH, replace(job, kept_N=mask_N)) for mask_N in masks}) == 6


def test_the_order_of_the_pool_does_not_change_a_key() -> None:
    order_N = np.random.default_rng(0).permutation(NUM_CANDIDATES)
    keys = replace(BENCH.keys, candidate_ids_N=BENCH.keys.candidate_ids_N[order_N])

    assert keys(replace(FULL, kept_N=right()[order_N])) == key(BENCH, FULL)
    assert keys(FULL) != key(BENCH, FULL)


def test_the_seed_changes_the_key_of_a_full_training_alone() -> None:
    assert key(BENCH, replace(FULL, seed=1)) != key(BENCH, FULL)
    assert key(BENCH, replace(PROBE, seed=1)) == key(BENCH, PROBE)


def test_fidelity_and_split_change_the_key() -> None:
    jobs = [
        replace(FULL, fidelity=fidelity, split=split)
        for fidelity in ("probe", "full")
        for split in ("reward_val", "selection_val", "test")
    ]

    assert len({key(BENCH, job) for job in jobs}) == 6


def test_settings_change_the_key_of_their_own_fidelity_alone() -> None:
    other_classifier = replace(BENCH, classifier=ClassifierConfig(epochs=3))
    other_probe = replace(BENCH, probe=ProbeConfig(l2=0.5))

    assert key(other_classifier, FULL) != key(BENCH, FULL)
    assert key(other_classifier, PROBE) == key(BENCH, PROBE)
    assert key(other_probe, FULL) == key(BENCH, FULL)
    assert key(other_probe, PROBE) != key(BENCH, PROBE)


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
    other = replace(BENCH, classifier=replace(BENCH.classifier, **changed))

    assert key(other, FULL) != key(BENCH, FULL)


def test_a_checkpoint_counts_by_what_is_in_it(tmp_path: Path) -> None:
    def key_with(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        classifier = replace(BENCH.classifier, weights=tmp_path / name)
        return key(replace(BENCH, classifier=classifier), FULL)

    once = key_with("a.pt", b"some weights")

    assert once != key(BENCH, FULL)
    assert once == key_with("b.pt", b"some weights")
    assert once != key_with("a.pt", b"other weights")


@pytest.mark.parametrize("changed", [{"num_components": 5}, {"l2": 0.0031}])
def test_every_setting_of_the_probe_changes_the_key_of_a_probe(changed: dict[str, Any]) -> None:
    other = replace(BENCH, probe=replace(BENCH.probe, **changed))

    assert key(other, PROBE) != key(BENCH, PROBE)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
def test_other_features_change_the_key_of_the_probe_alone(name: str) -> None:
    changed = {name: getattr(BENCH.features, name) + 1}
    other = replace(BENCH, features=replace(BENCH.features, **changed))

    assert key(other, PROBE) != key(BENCH, PROBE)
    assert key(other, FULL) == key(BENCH, FULL)


def test_features_of_a_split_that_is_not_scored_change_no_key() -> None:
    changed = BENCH.features.selection_val + 1
    other = replace(BENCH, features=replace(BENCH.features, selection_val=changed))

    assert key(other, PROBE) == key(BENCH, PROBE)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_pixel_changes_the_key(name: str, job: Job) -> None:
    images = getattr(BENCH, name)
    changed = images.images.copy()
    changed[3, 5, 7, 1] ^= 1

    other = replace(BENCH, **{name: replace(images, images=changed)})

    assert key(other, job) != key(BENCH, job)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
@pytest.mark.parametrize("job", [FULL, PROBE])
def test_another_label_changes_the_key(name: str, job: Job) -> None:
    images = getattr(BENCH, name)
    changed = images.labels.copy()
    changed[3] = 1 - changed[3]

    other = replace(BENCH, **{name: replace(images, labels=changed)})

    assert key(other, job) != key(BENCH, job)


@pytest.mark.parametrize("name", ["train", "candidates", "reward_val"])
def test_another_order_of_the_classes_changes_the_key(name: str) -> None:
    images = getattr(BENCH, name)

    other = replace(BENCH, **{name: replace(images, class_names=images.class_names[::-1])})

    assert key(other, FULL) != key(BENCH, FULL)


@pytest.mark.parametrize("name", ["selection_val", "test"])
def test_a_split_that_is_not_scored_does_not(name: str) -> None:
    other = replace(BENCH, **{name: getattr(BENCH, name).take(np.arange(11))})

    assert key(other, FULL) == key(BENCH, FULL)


@pytest.mark.parametrize("arithmetic", ["cpu bf16", "cuda fp32", "cuda bf16"])
def test_what_was_trained_in_another_arithmetic_has_another_key(arithmetic: str) -> None:
    plain = replace(BENCH.keys, arithmetic="cpu fp32")
    other = replace(BENCH.keys, arithmetic=arithmetic)

    for fidelity in ("full", "finetune"):
        assert other(replace(FULL, fidelity=fidelity)) != plain(replace(FULL, fidelity=fidelity))
    assert other(PROBE) == plain(PROBE), "it is solved on a CPU in any case"
