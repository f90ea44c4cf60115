"""The cells of the planted-truth benchmark stand for what they say."""

from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.planted_truth.bed_cells import _share_of_useful
from benchmarks.planted_truth.beds import GOOD, WRONG, BedConfig, _plan, bed_configs
from benchmarks.planted_truth.learning import Cell, NoisyReward, config_hash
from benchmarks.planted_truth.loop_cells import PARTS
from benchmarks.planted_truth.planted_summary import summarise
from benchmarks.planted_truth.studies import cells_of, studies
from benchmarks.planted_truth.targets_section import targets_section
from envs import SelectionProblem
from rlsel.experiment.config import build_experiment
from rlsel.features.batching import cut_into_batches


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


def test_draws_of_the_targets_are_in_no_other_study() -> None:
    fresh = set(studies()["targets"].draws) | set(studies()["targets_noisy"].draws)
    for name, study in studies().items():
        assert name.startswith("targets") or not fresh & set(study.draws)


def test_a_hash_depends_on_the_bed_and_on_the_settings_and_not_on_the_draw() -> None:
    def hash_of_cell(bed: str = "labels_plain", draw: int = 10, gamma: float = 0.0) -> str:
        options = {"algorithm": {"gamma": gamma}}
        return config_hash(Cell(bed=bed, draw=draw, seed=draw, options=options))

    assert hash_of_cell() == hash_of_cell(draw=11)
    assert len({hash_of_cell(), hash_of_cell("labels_half"), hash_of_cell(gamma=1.0)}) == 3


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


def test_batch_and_class_are_worth_the_share_of_useful_ones_where_there_is_a_truth() -> None:
    generator = np.random.default_rng(0)
    labels_N = generator.integers(0, 2, 701)
    decided_N, useful_N = generator.random((2, 701)) < 0.6
    problem = SelectionProblem(
        cut_into_batches(generator.random(701), labels_N, 3),
        np.zeros((701, 5), np.float32),
        labels_N,
        num_classes=2,
    )
    bed = SimpleNamespace(decided_N=decided_N, useful_N=useful_N)

    share_DC = _share_of_useful(
        SimpleNamespace(problem=problem, bed=bed)  # pyright: ignore[reportArgumentType]
    )

    assert share_DC.shape == (3, 2)
    for (batch, label), share in np.ndenumerate(share_DC):
        places = [place for place in problem.batches_DK[batch] if place >= 0]
        here = [n for n in places if labels_N[n] == label and decided_N[n]]
        assert share == pytest.approx(useful_N[here].mean(), abs=0.01)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_profile_is_a_function_there_is(part: str) -> None:
    file, function = PARTS[part]
    spec = find_spec(file.removesuffix(".py").replace("/", "."))

    assert spec is not None
    assert spec.origin is not None
    assert f"def {function}(" in Path(spec.origin).read_text()


def run_cell(auc: float) -> dict:
    return {"auc": auc, "within_batches": 0.7}


def test_targets_are_judged_by_fresh_draws_where_there_are_any() -> None:
    found = {"lengths": {10: 0.9, 11: 0.9}, "targets": {20: 0.86, 21: 0.82}}
    learned = {
        f"{study} | labels_plain | reward | default | 1024 | {draw} | 0 | abc": run_cell(auc)
        for study, of_draws in found.items()
        for draw, auc in of_draws.items()
    }
    beds = {"bed | labels_plain | 10 | abc": {"ceiling": {"logistic": 0.86}}}

    lines = targets_section(learned, beds, {}, {})

    name = "| `labels_plain`, 1,024 evaluations: "
    rows = [line.removeprefix(name).split(" | ", 1) for line in lines if line.startswith(name)]
    assert dict(rows) == {
        "mean AUC ≥ .85": ".8400 | no | draws 20 to 21 |",
        "least AUC of a draw ≥ .83": ".8200 | no | draws 20 to 21 |",
        "of the way from .5 to the ceiling ≥ 95%": (
            "94.4% | no | draws 20 to 21, ceiling of draw 10 |"
        ),
        "AUC within batches ≥ .6": ".7000 | yes | draws 20 to 21 |",
    }


def test_without_cells_there_is_no_table_of_targets() -> None:
    assert targets_section({}, {}, {}, {}) == []


def test_a_summary_is_made_of_the_cells_of_its_group() -> None:
    def cell(auc: float) -> dict:
        names = ("reward_val_accuracy", "reward_val_auc", "test_accuracy", "test_auc")
        rule = {"kept": 0.5} | dict.fromkeys(names, 0.7)
        return {
            "auc": auc, "auc_of_last_iteration": auc, "within_batches": auc,
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
