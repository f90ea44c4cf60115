"""The cells of the planted-truth benchmark stand for what they say."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted_truth.beds import GOOD, WRONG, BedConfig, _plan, bed_configs
from benchmarks.planted_truth.learning import NoisyReward
from benchmarks.planted_truth.planted_summary import summarise
from benchmarks.planted_truth.resumable import ResumableRecord
from benchmarks.planted_truth.studies import cells_of, studies
from rlsel.config import build_experiment


class Counting:
    """Stands for a `SetReward`; the worth of a set is its size."""

    seed = 3

    def many(self, masks_MN: np.ndarray) -> np.ndarray:
        return masks_MN.sum(axis=1).astype(float)


def test_every_cell_is_an_experiment_on_a_bed_there_is() -> None:
    for name in studies():
        for _, cell in cells_of(name):
            assert cell.bed in bed_configs()
            build_experiment(cell.options, name)


def test_no_two_cells_of_a_study_have_the_same_key() -> None:
    for name in studies():
        keys = Counter(key for key, _ in cells_of(name))
        assert max(keys.values()) == 1


def test_a_cell_takes_the_evaluations_that_it_is_called_by() -> None:
    paid = {
        cell.options["algorithm"]["iterations"]
        * cell.options["algorithm"].get("episodes", 16)
        * 8
        * (2 if cell.options.get("reward", {}).get("covers") == "contrast" else 1)
        for _, cell in cells_of("one_at_a_time")
    }

    assert paid == {1024}


def test_draws_that_settings_were_sought_on_are_not_reported() -> None:
    assert min(min(study.draws) for study in studies().values()) >= 10


@pytest.mark.parametrize("shares", [{WRONG: 0.5}, {WRONG: 0.2, "noise": 0.1}, {}, {"noise": 1.0}])
def test_a_plan_gives_every_kind_its_share_of_every_label(shares: dict[str, float]) -> None:
    plan = _plan(BedConfig(shares=shares, num_candidates=200), 2, np.random.default_rng(0))

    expected = {kind: round(100 * share) for kind, share in shares.items()}
    expected |= {GOOD: 100 - sum(expected.values())}
    for label in range(2):
        counts = Counter(plan.kinds_N[plan.labels_N == label].tolist())
        assert counts == {kind: count for kind, count in expected.items() if count}
    is_wrong_N = plan.kinds_N == WRONG
    assert (plan.labels_N[is_wrong_N] != plan.true_N[is_wrong_N]).all()
    assert (plan.labels_N[~is_wrong_N] == plan.true_N[~is_wrong_N]).all()


def test_the_noise_of_a_reward_depends_on_the_set_alone_and_has_the_stated_size() -> None:
    masks_MN = np.random.default_rng(0).random((2001, 31)) < 0.5
    noisy, null = (NoisyReward(Counting(), 0.5, keep) for keep in (1.0, 0.0))  # pyright: ignore

    noise_M = noisy.many(masks_MN) - masks_MN.sum(axis=1)

    assert noise_M == pytest.approx(noisy.many(masks_MN) - masks_MN.sum(axis=1))
    assert noise_M.std() == pytest.approx(0.5, rel=0.05)
    assert null.many(masks_MN) == pytest.approx(noise_M)
    assert noisy(masks_MN[7]) == pytest.approx(noisy.many(masks_MN)[7])


def test_a_record_has_a_line_for_each_cell_and_reads_as_the_same(tmp_path: Path) -> None:
    record = ResumableRecord(tmp_path / "r.json", 1, {"size": 3}, lambda cells: {"n": len(cells)})
    record.cells |= {"a | 1": {"auc": 0.1234567, "curve": [1, 0.5], "alarms": []}, "b": {"x": None}}

    record.write()

    text = record.path.read_text()
    assert '  "a | 1": {"auc": 0.123457, "curve": [1, 0.5], "alarms": []},\n' in text
    again = ResumableRecord(record.path, 1, {"size": 3}, dict)
    assert again.cells == record.cells | {"a | 1": record.cells["a | 1"] | {"auc": 0.123457}}
    assert json.loads(text)["summary"] == {"n": 2}


def test_a_summary_is_made_of_the_cells_of_its_group() -> None:
    def cell(auc: float) -> dict:
        names = ("reward_val_accuracy", "reward_val_auc", "test_accuracy", "test_auc")
        rule = {"kept": 0.5} | dict.fromkeys(names, 0.7)
        return {
            "curve": [], "auc": auc, "auc_of_last_iteration": auc, "within_batches": auc,
            "seconds": 1.0,
            "selections": {"rate": rule, "threshold": rule},
        }  # fmt: skip

    group = "seeds | labels_plain | reward | default | 1024"
    summary = summarise(
        {f"{group} | 10 | {seed} | abc": cell(auc) for seed, auc in enumerate((0.8, 0.9, 0.85))}
    )

    assert list(summary) == [group]
    assert summary[group]["n"] == 3
    assert summary[group]["auc"] == pytest.approx({"mean": 0.85, "std": 0.05, "min": 0.8})
