"""What a sweep says of its trials: ranked where they can be compared, with the noise beside it."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_experiment import tiny

from rlsel.commands.tuning.grid import Point
from rlsel.commands.tuning.inputs import Images, Judge
from rlsel.commands.tuning.noise import noise_of
from rlsel.commands.tuning.running import Failure, Machine, Start, _bundles, failure_of
from rlsel.commands.tuning.sweep import _exit_code
from rlsel.commands.tuning.table import compare, print_tables
from rlsel.errors import InputError
from rlsel.rewards.plan import EvaluatorPlan
from rlsel.runs.record import Record

IMAGES = Images("digest", 100, 41)
AUC = Judge("auc", "probe", (IMAGES, IMAGES))
ACCURACY = Judge("accuracy", "probe", (IMAGES, IMAGES))
HEAD = Machine("node:10.0.0.1", cpus=4.0, gpus=1.0)


def point(number: int) -> Point:
    return Point(number, {"n": number}, (tiny(seed=0), tiny(seed=1)))


def records(points: list[Point], values: list[list[float]]) -> dict[str, Record]:
    """NaN is a trial that failed."""
    return {
        trial: Record(
            name="tiny",
            config_hash="0",
            seed=0,
            finished=True,
            learning={"selection_val": value},
        )
        for one, its in zip(points, values, strict=True)
        for trial, value in zip(one.trials, its, strict=True)
        if not math.isnan(value)
    }


def test_figures_of_different_metrics_are_never_in_one_ranking(
    capsys: pytest.CaptureFixture[str],
) -> None:
    points = [point(n) for n in range(4)]
    found = records(points, [[0.5, 0.5], [0.61, 0.63], [0.7, 0.7], [0.66, 0.66]])

    groups = compare(points, [ACCURACY, AUC, ACCURACY, AUC], found)

    ranked = [[row["settings"]["n"] for row in group.rows] for group in groups]
    assert ranked == [[2, 0], [3, 1]]
    assert [group.rows[0]["compared_by"]["metric"] for group in groups] == ["accuracy", "auc"]
    print_tables(groups, 2)
    assert "2 tables, since figures of different metrics" in capsys.readouterr().out


@pytest.mark.parametrize(
    "other",
    [
        Judge("auc", "finetune", (IMAGES, IMAGES)),
        Judge("auc", "probe", (IMAGES, Images("others", 100, 41))),
    ],
)
def test_nor_are_those_of_other_fidelities_or_validation_images(other: Judge) -> None:
    points = [point(0), point(1)]

    groups = compare(points, [AUC, other], records(points, [[0.5, 0.5], [0.6, 0.6]]))

    assert len(groups) == 2


def test_a_point_of_which_trials_failed_counts_by_the_others_and_one_without_any_comes_last() -> (
    None
):
    points = [point(n) for n in range(3)]
    nan = math.nan

    (group,) = compare(points, [AUC] * 3, records(points, [[nan, nan], [0.6, 0.7], [0.9, nan]]))

    assert [(row["settings"]["n"], row["n"]) for row in group.rows] == [(2, 1), (1, 2), (0, 0)]
    assert group.rows[0]["selection_val"]["mean"] == 0.9


def test_noise_of_one_seed_is_that_of_so_many_images() -> None:
    judge = Judge("accuracy", "probe", (IMAGES,))

    noise = noise_of(np.array([[0.7], [0.8]]), judge)

    share = (80 + 2) / 104
    assert math.isclose(noise.of_images, math.sqrt(share * (1 - share) / 104))
    assert math.isclose(noise.apart, 1.96 * math.sqrt(2) * noise.of_images)
    assert "selection-val has 100 images" in noise.describe()


def test_a_perfect_score_on_few_images_is_not_free_of_noise() -> None:
    few = Judge("accuracy", "probe", (Images("few", 16, 8),))

    assert noise_of(np.array([[1.0], [1.0]]), few).apart > 0.1


def test_seeds_with_validation_images_of_their_own_add_up() -> None:
    own = Judge("accuracy", "probe", (IMAGES, Images("others", 100, 41)))
    values_RS = np.array([[0.7, 0.7], [0.8, 0.8]])

    assert noise_of(values_RS, own).of_images < noise_of(values_RS, ACCURACY).of_images


def test_what_a_seed_does_to_every_row_alike_is_no_noise_between_rows() -> None:
    rows_R1, seeds_1S = np.array([[0.5], [0.6], [0.8]]), np.array([[0.0, 0.1]])

    assert noise_of(rows_R1 + seeds_1S, AUC).of_seeds < 1e-12


def test_noise_over_seeds_is_the_interval_of_the_paired_difference() -> None:
    values_RS = np.array([[0.5, 0.62], [0.6, 0.61]])
    difference_S = values_RS[0] - values_RS[1]

    found = noise_of(values_RS, AUC).of_seeds

    t_of_one_degree = 12.7062047
    assert math.isclose(found, t_of_one_degree * difference_S.std(ddof=1) / 2**0.5, rel_tol=1e-6)


def test_of_one_seed_and_a_log_loss_nothing_is_known() -> None:
    noise = noise_of(np.array([[-0.7], [-0.6]]), Judge("log_loss", "probe", (IMAGES,)))

    assert math.isnan(noise.apart)
    assert "nobody knows how far apart" in noise.describe()


# Where a trial runs -----------------------------------------------------------------------------


def plan(gpus_each: float) -> EvaluatorPlan:
    return EvaluatorPlan(count=2, cpus_each=0.5, gpus_each=gpus_each, reason="a test")


@pytest.mark.parametrize(
    ("machine", "gpus_each", "own"),
    [
        (HEAD, 0.75, {"node:10.0.0.1": 0.25, "GPU": 0.05}),
        (HEAD, 1.0, {"node:10.0.0.1": 0.25}),
        (Machine("node:10.0.0.1", 3.0, 0.0), 0.75, {"node:10.0.0.1": 0.3333}),
    ],
)
def test_a_trial_stays_where_its_ledger_lies_and_needs_no_core_that_evaluators_may_have(
    machine: Machine, gpus_each: float, own: dict[str, float]
) -> None:
    assert _bundles([tiny()], plan(gpus_each), machine) == [own]


def test_env_runners_may_be_anywhere() -> None:
    dear = tiny(reward={"fidelity": "full"}, algorithm={"num_env_runners": 2})

    own, *others = _bundles([dear], plan(0.75), HEAD)

    assert own == {HEAD.mark: 0.1666, "GPU": 0.05}
    assert others == [{"CPU": 0.05}] * 2


def test_a_trial_begins_where_the_sweep_was_started_with_the_variables_its_paths_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"trial": {"data": {"source": {"path": "${MY_IMAGES}/train"}}}}
    monkeypatch.setenv("MY_IMAGES", "images")
    monkeypatch.setenv("MY_PASSWORD", "a secret, and Tune writes down what it is given")
    monkeypatch.chdir(tmp_path)
    start = Start.here(settings)
    assert "MY_PASSWORD" not in start.environment

    monkeypatch.chdir("/")
    monkeypatch.delenv("MY_IMAGES")
    start.enter()

    assert (Path.cwd(), os.environ["MY_IMAGES"]) == (tmp_path, "images")


# Trials that fail --------------------------------------------------------------------------------


def test_why_a_trial_failed_is_one_line(tmp_path: Path) -> None:
    traceback = tmp_path / "error.txt"
    traceback.touch()
    mistake = failure_of(InputError("a.png: is no image;\n give another"), traceback)
    bug = failure_of(RuntimeError("index 7 is out of range\nand more"), traceback)

    assert mistake == Failure("a.png: is no image; give another", is_mistake=True)
    assert bug.reason == f"RuntimeError: index 7 is out of range (traceback: {traceback})"


@pytest.mark.parametrize(("mistakes", "code"), [([], 0), ([True, True], 2), ([True, False], 1)])
def test_the_exit_code_is_2_where_settings_alone_are_to_blame(
    mistakes: list[bool], code: int
) -> None:
    assert _exit_code([Failure("a reason", is_mistake=it) for it in mistakes]) == code
