"""What is said of candidates: figures per class beside their floor, and the risk of selecting."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from rlsel.quality import (
    CopyAudit,
    QualityReport,
    describe_risk,
    judge,
    selection_risk,
)
from rlsel.quality.copies import Nearness, SpaceAudit
from rlsel.quality.frechet import frechet_distance
from rlsel.quality.manifold import compare_manifolds

RNG = np.random.default_rng(0)
CLASS_NAMES = ("normal", "low", "high")
FIELDS = ("against_train", "train_floor", "against_held_out", "held_out_floor")


def draw(counts: tuple[int, ...], shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Features about a mean of each class, and labels, in a mixed order."""
    labels_N = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    return RNG.standard_normal((len(labels_N), 7)) + 5 * labels_N[:, None] + shift, labels_N


def report(
    candidates: tuple[np.ndarray, np.ndarray],
    train: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    **settings: int,
) -> QualityReport:
    return judge(
        candidates=candidates[0],
        candidate_labels=candidates[1],
        train=train[0],
        train_labels=train[1],
        held_out=held_out[0],
        held_out_labels=held_out[1],
        class_names=CLASS_NAMES,
        rng=np.random.default_rng(0),
        **settings,
    )


TRAIN, HELD_OUT = draw((41, 53, 61)), draw((101, 73, 89))


@pytest.fixture(autouse=True)
def the_same_draws_whichever_tests_run() -> None:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def test_honest_candidates_are_at_the_floor_in_every_class() -> None:
    for quality in report(draw((97, 97, 97)), TRAIN, HELD_OUT, num_draws=9).classes.values():
        for reached, floor in (
            (quality.against_train, quality.train_floor),
            (quality.against_held_out, quality.held_out_floor),
        ):
            assert reached.frechet == pytest.approx(floor.frechet, rel=0.6)
            assert reached.density == pytest.approx(floor.density, abs=0.25)
            assert reached.coverage == pytest.approx(floor.coverage, abs=0.1)


def test_only_the_class_that_is_off_is_above_the_floor() -> None:
    features_NF, labels_N = draw((97, 97, 97))
    features_NF[labels_N == 1] += 2

    classes = report((features_NF, labels_N), TRAIN, HELD_OUT).classes

    excess = {n: q.against_train.frechet / q.train_floor.frechet for n, q in classes.items()}
    assert excess["low"] > 5
    assert max(excess["normal"], excess["high"]) < 2
    assert (
        classes["low"].against_held_out.coverage < 0.5 < classes["high"].against_held_out.coverage
    )


def test_copies_beat_the_floor_against_train_but_not_against_held_out_images() -> None:
    quality = report(TRAIN, TRAIN, HELD_OUT).classes["high"]

    assert quality.against_train.frechet < 0.5 * quality.train_floor.frechet
    assert quality.against_held_out.frechet > 0.6 * quality.held_out_floor.frechet


@pytest.mark.parametrize(
    ("candidates", "expected"), [((97, 31, 97), [41, 31, 44]), ((200, 200, 200), [41, 36, 44])]
)
def test_all_sets_of_a_class_are_cut_to_the_smallest(
    candidates: tuple[int, ...], expected: list[int]
) -> None:
    classes = report(draw(candidates), TRAIN, HELD_OUT).classes

    assert [quality.num_images for quality in classes.values()] == expected


def test_with_nothing_to_cut_the_figures_are_those_of_the_sets_as_they_are() -> None:
    candidates = draw((41, 53, 61))
    train_MF, candidates_NF = (x[labels == 0] for x, labels in (TRAIN, candidates))

    found = report(candidates, TRAIN, HELD_OUT, num_neighbours=3).classes["normal"].against_train

    expected = vars(compare_manifolds(candidates_NF, train_MF, 3))
    expected |= {"frechet": frechet_distance(candidates_NF, train_MF)}
    assert vars(found) == pytest.approx(expected)


def test_a_class_with_too_few_images_has_no_figures() -> None:
    classes = report(draw((5, 97, 0)), TRAIN, HELD_OUT).classes

    assert [quality.num_images for quality in classes.values()] == [0, 36, 0]
    assert np.isnan([*vars(classes["normal"].against_train).values()]).all()
    assert np.isnan([*vars(classes["high"].held_out_floor).values()]).all()


def test_the_same_generator_gives_the_same_report_in_plain_numbers() -> None:
    candidates = draw((97, 97, 97))

    once, again = (report(candidates, TRAIN, HELD_OUT) for _ in range(2))

    assert once == again
    plain = json.loads(json.dumps(once.as_json()))
    assert plain == once.as_json()
    assert list(plain) == list(CLASS_NAMES)
    assert list(plain["low"]) == ["num_images", *FIELDS]
    assert all(type(x) is float for field in FIELDS for x in plain["low"][field].values())


def pool_audit(distance_N: np.ndarray, lean_N: np.ndarray, flagged_N: np.ndarray) -> CopyAudit:
    """An audit of a pool, and of 200 held-out images with distances spread over 0 to 1."""

    def nearness(distance: np.ndarray) -> Nearness:
        return Nearness(np.zeros(len(distance), dtype=int), distance, np.ones(len(distance)))

    space = SpaceAudit(
        candidates=nearness(distance_N),
        held_out=nearness(np.linspace(0, 1, 200)),
        lean=lean_N,
        lean_by_luck=RNG.normal(0.5, 0.05, (99, len(lean_N))),
        threshold=np.array([0.5, 0.5]),
        flagged=flagged_N,
        held_out_flagged=np.zeros(200, dtype=bool),
    )
    return CopyAudit(np.arange(len(distance_N)) % 2, np.arange(200) % 2, space)


NOBODY = np.zeros(400, dtype=bool)
HALF = RNG.permutation(np.arange(400) < 200)


def test_a_random_selection_raises_no_risk() -> None:
    risk = selection_risk(pool_audit(RNG.random(400), RNG.random(400), RNG.random(400) < 0.1), HALF)

    assert not risk.raised
    assert "selecting did not raise the risk of copies" in describe_risk(risk)


def test_selecting_near_copies_raises_the_risk() -> None:
    copies = HALF & (RNG.random(400) < 0.1)

    risk = selection_risk(pool_audit(RNG.random(400), RNG.random(400), copies), HALF)

    assert risk.raised
    assert risk.selected_flagged == pytest.approx(2 * risk.pool_flagged)
    assert f"{risk.selected_flagged:.2%} of 200 selected are near-copies" in describe_risk(risk)


def test_selecting_what_leans_to_train_raises_the_risk_without_a_single_near_copy() -> None:
    lean_N = RNG.normal(0.5, 0.05, 400) - 0.05 * HALF

    risk = selection_risk(pool_audit(RNG.random(400), lean_N, NOBODY), HALF)

    assert risk.raised
    assert risk.flagged_p_value == 1
    pixels = risk.spaces["pixels"]
    assert pixels.selected_nearer_to_train > pixels.pool_nearer_to_train > 0.5


def test_selecting_what_is_typical_is_closer_to_train_and_yet_no_risk() -> None:
    """Near to train, and just as near to images that nobody has seen."""
    distance_N = RNG.random(400) / (1 + HALF)

    risk = selection_risk(pool_audit(distance_N, RNG.normal(0.5, 0.05, 400), NOBODY), HALF)

    pixels = risk.spaces["pixels"]
    assert pixels.selected_to_rest.p_value < 1e-6
    assert pixels.selected_to_held_out.p_value < 1e-6
    assert not risk.raised


def test_leaning_to_train_is_no_risk_where_luck_makes_such_candidates_lean_as_much() -> None:
    lean_N = RNG.normal(0.5, 0.05, 400) - 0.04 * HALF
    audit = pool_audit(RNG.random(400), lean_N, NOBODY)
    shifts_R1 = RNG.normal(0, 0.04, (99, 1))
    lucky = replace(audit.content, lean_by_luck=audit.content.lean_by_luck - shifts_R1 * HALF)

    assert selection_risk(audit, HALF).raised
    assert not selection_risk(replace(audit, content=lucky), HALF).raised


@pytest.mark.parametrize("selected", [NOBODY, ~NOBODY])
def test_selecting_nobody_or_everybody_raises_no_risk(selected: np.ndarray) -> None:
    risk = selection_risk(pool_audit(RNG.random(400), RNG.random(400), HALF), selected)

    assert not risk.raised
    assert risk.num_selected == selected.sum()
    assert json.loads(json.dumps(asdict(risk)))["pool_flagged"] == 0.5
