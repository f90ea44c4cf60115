"""`rlsel quick`: what is free, without learning and without Ray."""

import sys
from pathlib import Path

import numpy as np
import pytest
import ray

from rlsel.commands.quick import without_learning
from rlsel.experiment.config import build_experiment
from rlsel.pipeline import run
from rlsel.runs.read import read_run

SMALL = {
    "data": {"source": {"name": "phantom", "size_px": 32}, "num_train": 24, "num_val": 40},
    "pool": {"name": "phantom", "num_candidates": 64},
    "features": {"extractor": {"epochs": 1}},
}


def test_only_what_is_free_is_left_of_an_experiment() -> None:
    asked = build_experiment(
        {
            **{"name": "q", "reward": {"fidelity": "full", "final_fidelity": "full", "repeats": 2}},
            "selection": {"keep_range": [0.25, 0.5]},
        },
        "test",
    )

    quick = without_learning(asked)

    assert not quick.trains
    assert quick.selection.methods == ("free",)
    assert quick.selection.keep_range == (0.25, 0.5)
    assert quick.reward.fidelities == ("probe",)
    assert quick.audit.classification_rounds == 0


@pytest.mark.slow
def test_it_selects_and_reports_without_ray_and_without_reading_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(sys, "argv", ["rlsel", "quick"])
    experiment = without_learning(build_experiment({"name": "q", **SMALL}, "test"))

    result = run(experiment, out=tmp_path / "run", quiet=True)

    record, tried = result.record, result.record.free_sets
    assert record.finished
    assert record.scores == {}
    assert tried is not None
    best = tried["sets"][tried["best"]]
    assert best["reward_val"] == max(one["reward_val"] for one in tried["sets"])
    assert result.selection.kept_N.mean() == pytest.approx(best["fraction"])
    assert np.isfinite([one["selection_val"] for one in tried["sets"]]).all()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "What is free" in page
    assert (tmp_path / "run" / "figures" / "free_sets.svg").exists()
    assert record.evaluations["by_fidelity"]["probe"]["trained"] == 2 * len(tried["sets"])

    again = run(experiment, out=tmp_path / "run", resume=True, quiet=True)
    assert np.array_equal(again.selection.kept_N, result.selection.kept_N)
    assert read_run(tmp_path / "run").record.free_sets == tried
