"""A run finds copies in its pool, leaves them out where it is told to, and says what it found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlsel.data import DataConfig, Splits, load_splits
from rlsel.data.phantom import PhantomPool, PhantomSource
from rlsel.features import Features
from rlsel.pool import Pool, build_pool
from rlsel.quality import of_run
from rlsel.quality.kept_audit import to_arrays
from rlsel.quality.of_run import (
    as_many_of,
    audit_of,
    drop_copies,
    quality_of,
    risk_of,
)
from rlsel.quality.pairs import NUM_SHOWN, nearest_pairs, write_pairs
from rlsel.reporting.copies import draw_copies

NUM_COPIES = 5
DATA = DataConfig(source=PhantomSource(num_train=60, num_val=120, num_test=20, size_px=32))


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_splits(DATA, 0)


@pytest.fixture(scope="module")
def pool(splits: Splits) -> Pool:
    """Its first candidates are training images, each a little lighter."""
    made = build_pool(PhantomPool(num_candidates=40), splits, DATA, 0)
    candidates = made.candidates
    images = candidates.images.copy()
    images[:NUM_COPIES] = np.clip(splits.train.images[:NUM_COPIES].astype(int) + 7, 0, 255)
    return Pool(replace(candidates, images=images), source="a test")


def features(splits: Splits, pool: Pool) -> Features:
    rng = np.random.default_rng(0)
    sets = (splits.train, pool.candidates, splits.reward_val, splits.selection_val)
    train, candidates, reward_val, selection_val = (
        rng.standard_normal((len(images), 7)).astype(np.float32) for images in sets
    )
    logits = np.zeros((len(pool), 2), np.float32)
    return Features(train, candidates, reward_val, selection_val, logits)


def test_copies_are_dropped_noted_and_left_to_be_looked_at(
    splits: Splits, pool: Pool, tmp_path: Path
) -> None:
    left, dropped = drop_copies(splits, pool, 0)

    assert set(pool.candidates.ids[:NUM_COPIES]).isdisjoint(left.candidates.ids)
    num_dropped = len(pool) - len(left)
    assert NUM_COPIES <= num_dropped <= NUM_COPIES + 3  # plain tissue may pass for a copy
    assert dropped is not None
    write_pairs(dropped, tmp_path)
    drawn = draw_copies(tmp_path)
    assert drawn is not None
    assert drawn[1] == min(num_dropped, NUM_SHOWN)
    assert left.notes == (f"dropped {num_dropped} candidates that copy a training image",)


def test_a_pool_without_copies_stays_as_it_is(splits: Splits, pool: Pool) -> None:
    honest, _ = drop_copies(splits, pool, 0)

    again, dropped = drop_copies(splits, honest, 0)
    assert again is honest
    assert dropped is None


def test_what_was_found_once_is_not_sought_again(
    splits: Splits, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLSEL_CACHE", str(tmp_path))
    seen = features(splits, pool)
    audits = (audit_of(splits, pool, seen, 0), audit_of(splits, pool, None, 0))
    quality = quality_of(splits, pool, seen, 0)
    monkeypatch.setattr(of_run, "audit_copies", None)
    monkeypatch.setattr(of_run, "judge", None)

    again = (audit_of(splits, pool, seen, 0), audit_of(splits, pool, None, 0))

    for one, other in zip(audits, again, strict=True):
        arrays, others = to_arrays(one), to_arrays(other)
        assert arrays.keys() == others.keys()
        assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
        assert one.spaces.keys() == other.spaces.keys()
    assert risk_of(again[0], again[0].flagged) == risk_of(audits[0], audits[0].flagged)
    np.testing.assert_equal(quality_of(splits, pool, seen, 0), quality)
    with pytest.raises(TypeError):
        audit_of(splits, pool, seen, 1)


def test_a_selection_of_copies_raises_the_risk_and_says_so(splits: Splits, pool: Pool) -> None:
    audit = audit_of(splits, pool, features(splits, pool), 0)
    copies_N = np.arange(len(pool)) < NUM_COPIES

    risk = risk_of(audit, copies_N)
    other = risk_of(audit, ~copies_N)

    assert (risk["raised"], other["raised"]) == (True, False)
    assert risk["selected_flagged"] == 1.0
    assert risk["said"].startswith("selecting raised the risk of copies: 100.00% of 5 selected")


def test_quality_has_every_class_and_plain_numbers(splits: Splits, pool: Pool) -> None:
    quality = quality_of(splits, pool, features(splits, pool), 0)

    assert quality.keys() == {"normal", "tumour"}
    for of_class in quality.values():
        assert of_class["against_train"].keys() == of_class["held_out_floor"].keys()
        assert all(type(value) is float for value in of_class["against_train"].values())


def test_how_long_a_feature_is_says_nothing_of_quality(splits: Splits, pool: Pool) -> None:
    seen = features(splits, pool)
    lengths_N1 = np.linspace(1, 20, len(pool), dtype=np.float32)[:, None]

    of_longer = quality_of(splits, pool, replace(seen, candidates=seen.candidates * lengths_N1), 0)

    for name, expected in quality_of(splits, pool, seen, 0).items():
        found = of_longer[name]
        assert found["against_train"] == pytest.approx(expected["against_train"], abs=1e-4)
        assert found["against_held_out"] == pytest.approx(expected["against_held_out"], abs=1e-4)


def test_real_images_are_as_many_of_each_class_as_candidates_or_all(
    splits: Splits, pool: Pool
) -> None:
    few = pool.candidates.take(np.flatnonzero(pool.candidates.labels == 1)[:7])

    assert as_many_of(splits.train, few, 0).counts == {"normal": 0, "tumour": 7}
    assert set(as_many_of(splits.train, few, 0).ids) <= set(splits.train.ids)
    assert set(as_many_of(splits.train, few, 0).ids) != set(as_many_of(splits.train, few, 1).ids)
    scarce = splits.train.take(range(5))
    assert as_many_of(scarce, pool.candidates, 0).counts == scarce.counts


def test_the_most_suspicious_pairs_are_kept_for_the_report(
    splits: Splits, pool: Pool, tmp_path: Path
) -> None:
    audit = audit_of(splits, pool, features(splits, pool), 0)

    write_pairs(nearest_pairs(splits, pool, audit), tmp_path)

    with np.load(tmp_path / "copies.npz") as stored:
        assert stored["flagged"][:NUM_COPIES].all()
        gap = stored["candidates"][:NUM_COPIES].astype(int) - stored["originals"][:NUM_COPIES]
        assert np.abs(gap).max() <= 7
    picture, num_copies = draw_copies(tmp_path) or (b"", 0)
    assert picture.startswith(b"\x89PNG")
    assert num_copies >= NUM_COPIES


def test_a_run_without_an_audit_has_no_such_picture(tmp_path: Path) -> None:
    assert draw_copies(tmp_path) is None
