"""A run that is paid by finetuning and judged by full training, as a user starts it."""

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

DEAR: dict[str, Any] = {
    "selection": {"methods": ["controller"]},
    "evaluation": {"rounds": 0},
    # Several steps a pass: in a single one seeds, which shuffle, would make no difference.
    "classifier": {"batch_size": 16},
    # Processes of their own play the episodes; nothing here but is another than the defaults.
    "controller": {"name": "gru_attention", "hidden_size": 16},
    "algorithm": {
        "name": "reinforce",
        "iterations": 1,
        "num_env_runners": 1,
        "credit": {"name": "factored"},
    },
    "reward": {
        "fidelity": "finetune",
        "final_fidelity": "full",
        "repeats": 2,
        "finetune": {"epochs": 1},
    },
}


@pytest.mark.slow
def test_finetuning_pays_with_repeats_and_full_training_judges_the_end(
    evaluators_up: None, tmp_path: Path
) -> None:
    config = write_config(tmp_path / "mine.yaml", **DEAR)

    outcome = rlsel("run", config, "--out", tmp_path / "run")

    assert (outcome.code, outcome.err) == (0, ""), outcome
    assert "reward noise of finetune: auc of one set ±" in outcome.said
    record = Record.read(tmp_path / "run")
    counts = record.evaluations["by_fidelity"]
    assert set(counts) == {"probe", "finetune", "full"}  # free sets are tried by probes
    # The one iteration, with both repeats.
    assert counts["full"]["trained"] == 2
    assert counts["finetune"]["trained"] > counts["full"]["trained"]
    assert record.noise["finetune.num_seeds"] == 3
    assert record.noise["finetune.between_seeds"] >= 0
    assert record.noise["finetune.standard_error_max"] > 0
    rows = ledger_rows(tmp_path / "run")
    assert {split for fidelity, split in rows.values() if fidelity == "full"} == {"selection_val"}
    with sqlite3.connect(tmp_path / "run" / "ledger.sqlite") as ledger:
        sets = ledger.execute(
            "SELECT COUNT(DISTINCT seed) FROM evaluations WHERE fidelity = 'finetune' "
            "GROUP BY split, kept"
        ).fetchall()
    seeds = [count for (count,) in sets]
    # Of the noise floor's three sets one is looked at under three seeds, the others under one.
    assert sorted(seeds) == [1, 1] + [2] * (len(seeds) - 3) + [3]


def test_a_probe_that_would_be_repeated_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    config = write_config(tmp_path / "mine.yaml", reward={"repeats": 3})

    expected = "a probe is the same for every seed"
    assert expected in refused(rlsel("run", config, "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()
