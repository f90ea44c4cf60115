"""benchmarks/planted_truth: what is added to the real images, and how verdicts come about."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.planted_truth.fault_cells import (
    MOST_REAL,
    NOTHING,
    SETTINGS,
    all_cells,
    draw_images,
)
from benchmarks.planted_truth.fault_section import fault_section
from benchmarks.planted_truth.fault_summary import holm, judge, summarise
from benchmarks.planted_truth.faults import (
    KINDS,
    ORIGINALS_PER_CLASS,
    STAINS_S3,
    shift_stain,
    take_in_turn,
)
from benchmarks.planted_truth.paired import compare
from rlsel.data.image_set import ImageSet


def image_set(num: int, side: int = 3) -> ImageSet:
    """Random images, three of five of them of the first class."""
    generator = np.random.default_rng(num)
    images = generator.integers(0, 256, (num, side, side, 3), np.uint8)
    labels = (np.arange(num) % 5 > 2).astype(np.int64)
    return ImageSet(images, labels, ("normal", "tumour"), np.arange(num).astype(str))


@pytest.mark.parametrize("kind", KINDS)
def test_only_wrong_labels_differ_from_the_labels_of_the_fresh_images(kind):
    fresh, real = image_set(41), image_set(23)
    added = KINDS[kind](fresh, real, np.random.default_rng(0))
    assert added.images_NHW3.shape == fresh.images.shape
    assert added.images_NHW3.dtype == np.uint8
    assert (added.labels_N == fresh.labels).all() == (kind != "wrong_label")
    assert (added.labels_N == fresh.labels).any() == (kind != "wrong_label")


def test_real_images_once_more_are_all_of_them_before_any_comes_twice():
    real = image_set(20)
    added = KINDS["real_again"](real, real, np.random.default_rng(0))
    assert sorted(added.images_NHW3.reshape(20, -1).tolist()) == sorted(
        real.images.reshape(20, -1).tolist()
    )


def test_near_duplicates_repeat_few_images_of_each_class():
    fresh = image_set(97, side=8)
    flat = np.broadcast_to(np.linspace(20, 200, 97)[:, None, None, None], fresh.images.shape)
    fresh = ImageSet(flat.astype(np.uint8), fresh.labels, fresh.class_names, fresh.ids)
    added = KINDS["near_duplicate"](fresh, fresh, np.random.default_rng(0))
    for label in (0, 1):
        shades = fresh.images[fresh.labels == label][:ORIGINALS_PER_CLASS].mean(axis=(1, 2, 3))
        found = added.images_NHW3[added.labels_N == label].mean(axis=(1, 2, 3))
        assert np.abs(found[:, None] - shades).min(axis=1).max() < 5
        np.testing.assert_allclose(found[: len(shades)], shades, atol=5)


def test_places_are_taken_in_turn_and_then_over_again():
    labels, wanted = np.array([0, 1, 0, 1, 0]), np.array([0, 0, 1, 0, 0, 1, 1])
    assert take_in_turn(labels, wanted).tolist() == [0, 2, 1, 4, 0, 3, 1]
    assert take_in_turn(labels, wanted, per_class=1).tolist() == [0, 0, 1, 0, 0, 1, 1]


def test_a_stain_shift_halves_haematoxylin_and_leaves_glass_white():
    haematoxylin_3 = STAINS_S3[0] / np.linalg.norm(STAINS_S3[0])
    images = np.full((2, 3, 3, 3), 255, np.uint8)
    images[1] = np.rint(255 * np.exp(-haematoxylin_3))
    fresh = ImageSet(images, np.array([0, 1]), ("normal", "tumour"), np.array(["a", "b"]))
    shifted = shift_stain(fresh, fresh, np.random.default_rng(0)).images_NHW3
    assert (shifted[0] == 255).all()
    np.testing.assert_allclose(shifted[1, 0, 0], 255 * np.exp(-haematoxylin_3 / 2), atol=2)


def test_fresh_images_are_never_real_and_the_same_for_every_number_of_real_images():
    training = image_set(2501)
    drawn = {setting: draw_images(training, setting, seed=3) for setting in SETTINGS}
    most, most_fresh = max(drawn.values(), key=lambda pair: len(pair[0]))
    for setting, (real, fresh) in drawn.items():
        assert (len(real), len(fresh)) == (setting.num_real, max(setting.doses))
        assert real.counts["normal"] == setting.num_real * 3 // 5
        assert set(real.ids) <= set(most.ids)
        assert not set(most.ids) & set(fresh.ids)
        assert fresh.ids.tolist() == most_fresh.ids[: len(fresh)].tolist()
        assert len(set(fresh.ids)) == len(fresh)
        for dose in setting.doses:
            assert abs(np.diff(np.bincount(fresh.labels[:dose]))) <= 1
    other, _ = draw_images(training, SETTINGS[0], seed=4)
    assert len(most) == MOST_REAL
    assert set(other.ids) != set(drawn[SETTINGS[0]][0].ids)


def test_an_interval_is_that_of_a_paired_t_test():
    gains = np.array([0.01, 0.03, -0.01, 0.02, 0.05])
    test = stats.ttest_1samp(gains, 0)
    figure, interval = compare(gains), test.confidence_interval(0.95)
    assert figure["p"] == pytest.approx(test.pvalue, rel=1e-3)
    assert (figure["low"], figure["high"]) == pytest.approx(tuple(interval), rel=1e-3)


def test_gains_that_are_all_nothing_prove_nothing():
    assert compare(np.zeros(5))["p"] == 1


def test_one_gain_alone_has_no_interval():
    assert np.isnan([*compare(np.array([0.1])).values()]).all()


@pytest.mark.parametrize(
    ("over_nothing", "over_good", "verdict"),
    [
        ((-0.3, -0.1), (-0.5, -0.2), "harmful"),
        ((0.1, 0.3), (-0.5, -0.2), "helpful"),
        ((-0.1, 0.3), (-0.5, -0.2), "useless"),
        ((-0.1, 0.3), (-0.2, 0.1), "undecided"),
    ],
)
def test_a_verdict_follows_from_two_intervals(over_nothing, over_good, verdict):
    figures: list[dict[str, float]] = [
        {"low": low, "high": high} for low, high in (over_nothing, over_good)
    ]
    assert judge(*figures) == verdict


def test_holm_multiplies_the_least_p_most_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.9])


def made_up_cells() -> dict[str, dict[str, float]]:
    """Wrong labels harm, good ones help, and what else is added changes next to nothing."""
    effect = {"wrong_label": -0.1, "good": 0.1}
    generator = np.random.default_rng(0)
    cells = {}
    for cell in all_cells():
        gain = effect.get(cell.kind, 0.0) + 0.05 * cell.seed + generator.normal(0, 1e-3)
        cells[cell.key] = {"accuracy": 0.7 + gain, "auc": 0.7 + gain, "log_loss": 0.6 - gain}
    return cells


def test_less_log_loss_is_a_gain_and_what_all_of_a_seed_share_cancels_out():
    rows = summarise(made_up_cells())["kinds"]
    for metric in ("accuracy", "auc", "log_loss"):
        of = {row["kind"]: row for row in rows if row["metric"] == metric}
        wrong = of["wrong_label"]
        assert of["good"]["gain_over_nothing"]["mean"] == pytest.approx(0.1, abs=5e-3)
        assert wrong["gain_over_good"]["mean"] == pytest.approx(-0.2, abs=5e-3)
        assert wrong["gain_over_good"]["std"] < 5e-3
        assert (wrong["verdict"], wrong["holds_corrected"]) == ("harmful", True)


def test_there_is_no_summary_before_the_last_training():
    cells = made_up_cells()
    cells.pop(next(key for key in cells if NOTHING in key))
    assert summarise(cells) == {}


def test_a_page_has_a_row_for_each_dose_and_a_verdict_for_each_kind():
    record = {
        "summary": summarise(made_up_cells()),
        "n": 5,
        "hardware": "a processor",
        "versions": {"torch": "2.0"},
        "config": {
            "doses": {setting.name: setting.doses for setting in SETTINGS},
            "test_images": [1000, ""],
            "blur_px": 2.0,
            "stain_times": [0.5, 1.75, 1.0],
            "originals_per_class": 10,
        },
    }
    lines = fault_section(record, "fault_truth").splitlines()
    assert sum(line.startswith("| wrong label | harmful\\* |") for line in lines) == len(SETTINGS)
    for setting in SETTINGS:
        start = lines.index(f"### Every dose: {setting.name}")
        rows = [line for line in lines[start : start + 40] if line.startswith("| pure noise")]
        assert [int(row.split("|")[2]) for row in rows][:3] == list(setting.doses)
