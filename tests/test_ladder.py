"""A run that climbs the ladder of fidelities, as a user starts it."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from small_experiment import (
    evaluators_fixture,  # noqa: F401
    ledger_rows,
    refused,
    rlsel,
    write_config,
)

from rlsel.runs.record import Record

CLIMBING: dict[str, Any] = {
    "selection": {"methods": ["controller"]},
    "evaluation": {"rounds": 0},
    # Processes of their own play the episodes; nothing here but is another than the defaults.
    "controller": {"name": "gru_attention", "hidden_size": 16},
    "algorithm": {
        "name": "reinforce",
        "iterations": 2,
        "num_env_runners": 1,
        "credit": {"name": "factored"},
    },
    "reward": {
        "climb": [{"from_iteration": 2, "fidelity": "finetune"}],
        "final_fidelity": "full",
        "repeats": 2,
        "noise_floor_seeds": 2,
        "finetune": {"epochs": 1},
    },
}


@pytest.mark.slow
def test_each_rung_pays_its_iterations_and_the_last_compares_checkpoints(
    evaluators_up: None, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "mine.yaml", **CLIMBING)

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "reward noise: a probe has none over seeds" in outcome.said
    assert "reward noise of finetune: auc of one set ±" in outcome.said
    record = Record.read(tmp_path / "run")
    counts = record.evaluations["by_fidelity"]
    assert set(counts) == {"probe", "finetune", "full"}
    # The one checkpoint of the last rung, with both repeats.
    assert counts["full"]["trained"] == 2
    assert counts["finetune"]["trained"] > counts["full"]["trained"]
    assert record.noise["probe.num_sets"] == 16
    assert record.noise["finetune.num_seeds"] == 2
    assert record.noise["finetune.between_seeds"] >= 0
    assert record.noise["finetune.standard_error_max"] > 0
    assert record.noise["finetune.repeats_mean"] == 2
    assert record.learning["chosen_iteration"] == 2
    rows = ledger_rows(tmp_path / "run")
    assert {split for fidelity, split in rows.values() if fidelity == "full"} == {"selection_val"}
    with sqlite3.connect(tmp_path / "run" / "ledger.sqlite") as ledger:
        sets = ledger.execute(
            "SELECT COUNT(DISTINCT seed) FROM evaluations WHERE fidelity = 'finetune' "
            "GROUP BY split, kept"
        ).fetchall()
    seeds = [count for (count,) in sets]
    # Of the noise floor's two sets the second is looked at under one seed alone.
    assert sorted(seeds) == [1] + [2] * (len(seeds) - 1)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ({"climb": [{"from_iteration": 9, "fidelity": "full"}]}, "there are algorithm.iterations"),
        ({"climb": [{"from_iteration": 2, "fidelity": "probe"}]}, "must be dearer"),
        ({"enough": 0.5, "noise_floor_seeds": 0}, "noise_floor_seeds: 0 leaves unmeasured"),
        ({"repeats": 3}, "a probe is the same for every seed"),
    ],
)
def test_a_ladder_that_leads_nowhere_is_refused(
    reward: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "mine.yaml", reward=reward)

    assert expected in refused(rlsel("run", config, "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()
