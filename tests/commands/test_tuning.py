"""A sweep: every point with every seed, on one pool of evaluators, each paid for once."""

import math
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from small_experiment import (
    TINY,
    Outcome,
    evaluators_fixture,  # noqa: F401
    ledger_rows,
    refused,
    rlsel,
    write_config,
)
from strict_json import read_strictly

from rlsel.commands.tuning import load_sweep
from rlsel.experiment.config import merge
from rlsel.runs.record import Record

SHORT = merge(TINY, {"evaluation": {"rounds": 0}, "algorithm": {"iterations": 1}})
ON_DISK = SHORT | {
    "data": {"source": {"name": "folder", "path": "$IMAGES_OF_A_TEST/real"}},
    "pool": {"name": "folder", "path": "made"},
}
"""Every path begins at the working folder."""
GRID = {"algorithm.clip": [0.1, 0.3]}
TRIALS = ["point000-seed0", "point000-seed1", "point001-seed0", "point001-seed1"]


def write_sweep(path: Path, **changed: Any) -> Path:
    content = {"experiment": SHORT, "grid": GRID, "seeds": [0, 1], "max_concurrent": 2}
    path.write_text(yaml.safe_dump(content | changed))
    return path


def write_images(folder: Path, counts: dict[str, int]) -> None:
    generator = np.random.default_rng(0)
    for part, count in counts.items():
        for name, mean in (("normal", 90), ("tumour", 150)):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = generator.normal(mean, 40, (16, 16, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{index}.png")


def tune(folder: Path) -> Outcome:
    return rlsel("tune", folder / "sweep.yaml", "--out", folder / "out")


def test_every_setting_of_a_point_is_found_in_its_experiment(tmp_path: Path) -> None:
    experiment = merge(
        SHORT,
        {
            "algorithm": {"name": "ppo", "credit": {"name": "ridge", "memory": 0.5}},
            "controller": {"name": "transformer", "num_heads": 2},
        },
    )
    grid = {
        "controller.hidden_size": [8],
        "controller.name": ["transformer", "gru"],
        "algorithm.lr": [1e-3],
        "algorithm.name": ["ppo", "reinforce"],
        "algorithm.credit.name": ["ridge", "factored"],
    }

    _, points = load_sweep(write_sweep(tmp_path / "s.yaml", experiment=experiment, grid=grid))

    assert len(points) == 8
    for point in points:
        built = point.experiments[0]
        for key, value in point.settings.items():
            assert attrgetter(key)(built) == value
        assert built.algorithm.credit.memory == 0.5
        assert (built.algorithm.iterations, built.algorithm.episodes) == (1, 2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_runs_every_trial_once_and_keeps_them_when_one_fails_later(
    evaluators_up: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGES_OF_A_TEST", ".")
    monkeypatch.setenv("RLSEL_CACHE", "cache")
    write_images(tmp_path, {"real/train": 20, "real/val": 20, "real/test": 15, "made": 16})
    write_sweep(tmp_path / "sweep.yaml", experiment=ON_DISK)

    outcome = tune(tmp_path)

    assert outcome.code == 0, outcome
    trials = tmp_path / "out" / "trials"
    assert sorted(path.name for path in trials.iterdir()) == TRIALS
    require_results(tmp_path / "out", outcome)
    paid = {name: ledger_rows(trials / name) for name in TRIALS}
    assert all(paid.values())
    extractors = [p for p in (tmp_path / "cache" / "features").iterdir() if p.name[0] != "."]
    assert len(extractors) == 2, "one for each seed"

    config = trials / TRIALS[-1] / "config.yaml"
    config.write_text(config.read_text().replace("seed: 1", "seed: 5"))
    again = tune(tmp_path)

    assert again.code == 2, again
    reason = f"{trials / TRIALS[-1]}: holds the run of another experiment (seed is 5 there and 1"
    assert again.err.splitlines() == [
        f"rlsel: trial {TRIALS[-1]} (algorithm.clip=0.3): {reason} here); choose another --out",
        "rlsel: 1 of 4 trials failed; started again, the sweep goes on with them alone",
    ]
    results = read_strictly((tmp_path / "out" / "sweep.json").read_text())
    assert [one["trial"] for one in results["failed"]] == TRIALS[-1:]
    assert {row["point"]: row["n"] for row in results["summary"]} == {
        "algorithm.clip=0.1": 2,
        "algorithm.clip=0.3": 1,
    }
    assert "algorithm.clip=0.3 (1 of 2 seeds)" in again.said
    assert {name: ledger_rows(trials / name) for name in TRIALS} == paid
    assert [Record.read(trials / name).resumed for name in TRIALS] == [0] * len(TRIALS)


def require_results(out: Path, outcome: Outcome) -> None:
    results = read_strictly((out / "sweep.json").read_text())
    assert results["seeds"] == [0, 1]
    assert results["failed"] == []
    rows = results["summary"]
    assert {row["settings"]["algorithm.clip"] for row in rows} == {0.1, 0.3}
    means = [row["selection_val"]["mean"] for row in rows]
    assert means == sorted(means, reverse=True)
    for row in rows:
        point = GRID["algorithm.clip"].index(row["settings"]["algorithm.clip"])
        records = [Record.read(out / "trials" / f"point{point:03d}-seed{seed}") for seed in (0, 1)]
        values = [record.learning["selection_val"] for record in records]
        assert row["selection_val"]["values"] == values
        assert math.isclose(row["selection_val"]["mean"], sum(values) / 2)
        assert math.isclose(row["selection_val"]["std"], abs(values[0] - values[1]) / 2**0.5)
        assert row["test_accuracy"]["values"] == []
    assert "algorithm.clip=0.1" in outcome.said
    assert "algorithm.clip=0.3" in outcome.said
    assert f"sweep: {out / 'sweep.json'}" in outcome.said
    assert "selection-val has 20 images" in outcome.said


def test_every_point_is_run_with_every_seed(tmp_path: Path) -> None:
    grid = {"algorithm.clip": [0.1, 0.3], "reward.alpha": [0.0, 0.5, 0.8]}
    _, points = load_sweep(write_sweep(tmp_path / "sweep.yaml", grid=grid, seeds=[2, 3, 5]))

    assert [point.name for point in points] == [
        f"algorithm.clip={clip}, reward.alpha={alpha}"
        for clip in (0.1, 0.3)
        for alpha in (0.0, 0.5, 0.8)
    ]
    for point in points:
        assert [experiment.seed for experiment in point.experiments] == [2, 3, 5]
        for experiment in point.experiments:
            assert experiment.algorithm.clip == point.settings["algorithm.clip"]
            assert experiment.reward.alpha == point.settings["reward.alpha"]


def test_a_sweep_without_a_grid_is_one_point(tmp_path: Path) -> None:
    _, points = load_sweep(write_sweep(tmp_path / "sweep.yaml", grid={}))

    assert [point.name for point in points] == ["as it is"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"grid": {"algorithm.clp": [1.0]}}, "unknown key algorithm.clp (did you mean clip?)"),
        ({"grid": {"algorithm.clip": [0.1, "high"]}}, "algorithm.clip is 'high'; "),
        ({"grid": {"algorithm.clip": []}}, "grid.algorithm.clip: "),
        ({"gird": {}}, "gird: "),
        ({"seeds": [-1]}, "seeds.0: "),
        ({"experiment": {"pool": {"name": "gan"}}, "grid": {}}, "pool.name is 'gan'; known are "),
        ({"grid": {"selection.methods": [["uniform"]]}}, "selection.methods lacks controller"),
        ({"seeds": [3, 0, 3]}, "seeds holds 3 twice"),
        ({"grid": {"evaluators.count": [1, 2]}}, "grid.evaluators.count compares nothing: all "),
        ({"grid": {"seed": [1, 2]}}, "grid.seed compares nothing: give them as seeds: [0, 1, 2]"),
        ({"grid": {"name": ["a", "b"]}}, "grid.name compares nothing: it changes no result"),
        ({"grid": {"algorithm.lr": [1e-3, 0.001]}}, "are the same experiment; give each value"),
        ({"experiment": SHORT | {"seed": 7}}, "experiment.seed is 7, and the trials have seeds: "),
    ],
)
def test_a_mistake_in_a_sweep_is_named_before_anything_runs(
    changed: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    path = write_sweep(tmp_path / "sweep.yaml", **changed)

    outcome = tune(tmp_path)

    assert outcome.code == 2
    assert outcome.err.startswith(f"rlsel: {path}: ")
    assert expected in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_input_that_check_refuses_is_refused_by_a_sweep_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sweep(tmp_path / "sweep.yaml", grid={"data.num_val": [20, 30_000]})
    write_config(tmp_path / "wrong.yaml", data={"num_val": 30_000})

    outcome, check = tune(tmp_path), rlsel("check", "wrong.yaml")

    assert "data.num_val is 30,000" in refused(check)
    assert refused(outcome) == refused(check)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep.yaml")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("my only copy")

    outcome = tune(tmp_path)

    assert outcome.code == 2
    assert outcome.err == (
        f"rlsel: {tmp_path / 'out'}: is not empty and holds no sweep; choose another --out\n"
    )


def test_a_file_in_the_place_of_its_folder_is_left_alone(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep.yaml")
    (tmp_path / "out").write_text("mine")

    outcome = tune(tmp_path)

    assert (outcome.code, outcome.err) == (
        2,
        f"rlsel: {tmp_path / 'out'}: is a file; choose another --out\n",
    )
