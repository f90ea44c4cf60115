"""A whole run: what it leaves behind, and that no interruption costs it anything."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_experiment import (
    METHODS,
    NOTHING_TO_TRAIN,
    NUM_CANDIDATES,
    evaluators_fixture,  # noqa: F401
    finished_run,
    iterations,
    ledger_rows,
    paper_run,
    tiny,
)

import rlsel as package
from rlsel.metrics import SCORE_METRICS
from rlsel.reporting.training_figures import HEALTH
from rlsel.rewards import Workbench
from rlsel.runs.record import Record
from rlsel.runs.tensorboard import GROUPS

pytestmark = pytest.mark.slow


@pytest.fixture
def finished(evaluators_up: None) -> Path:
    return finished_run()


@pytest.fixture
def paper(evaluators_up: None) -> Path:
    return paper_run()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process trained or evaluated: nothing of this happens in a run that is finished."""
    calls: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *arguments, **named: calls.append(name)

    monkeypatch.setattr("rlsel.pipeline.select_and_score", note("pipeline"))
    monkeypatch.setattr("rlsel.features.extract.fit", note("extractor"))
    monkeypatch.setattr(Workbench, "evaluate", note("evaluation"))
    return calls


# What a run leaves behind ----------------------------------------------------------------------


def test_a_run_writes_every_file(finished: Path) -> None:
    files = {path.name for path in finished.iterdir()}

    assert files >= {
        *("config.yaml", "record.json", "ledger.sqlite", "features.npz", "selection.parquet"),
        *("iterations.jsonl", "checkpoints", "report.html", "contact_sheets.npz", "figures"),
    }
    assert [path.name for path in finished.rglob(".*")] in ([], [".lock"]), "a file was left"
    kept = {path.name for path in (finished / "checkpoints").iterdir()}
    assert kept == {"iteration_00001", "iteration_00002", "iterations"}


def test_the_config_in_the_folder_is_complete_and_the_same_experiment(finished: Path) -> None:
    stored = package.load_experiment(finished / "config.yaml")

    assert stored == replace(tiny(), folder=stored.folder)
    assert stored.hash == tiny().hash


def test_the_record_says_what_was_run_and_on_what(finished: Path) -> None:
    record = Record.read(finished)

    assert record.finished
    assert (record.name, record.seed, record.resumed) == ("tiny", 0, 0)
    assert record.config_hash == tiny().hash
    assert record.command.startswith("rlsel run ")
    assert "core" in record.device
    assert {"python", "rlsel", "torch", "ray", "numpy"} <= record.versions.keys()


def test_the_record_says_what_the_run_cost(finished: Path) -> None:
    record = Record.read(finished)

    assert 0 < sum(record.stage_s.values()) <= record.wall_s
    assert set(record.stage_s) == {
        *("data", "features", "audit", "evaluators", "free sets", "learning", "finalists"),
        "final evaluation",
    }
    assert 0.1 < record.peak_memory_gib < 100


def test_evaluations_are_counted_by_fidelity_as_the_ledger_has_them(finished: Path) -> None:
    evaluations = Record.read(finished).evaluations
    in_ledger = Counter(fidelity for fidelity, _ in ledger_rows(finished).values())

    by_fidelity = evaluations["by_fidelity"]
    assert {name: count["trained"] for name, count in by_fidelity.items()} == dict(in_ledger)
    assert evaluations["trained"] == sum(in_ledger.values())
    assert evaluations["from_ledger"] == sum(c["from_ledger"] for c in by_fidelity.values())
    # 16 sets of the noise floor; then 2 iterations x 2 episodes x 4 decisions, and each
    # iteration's selection on both halves, as well as every free set.
    asked, tried = by_fidelity["probe"], Record.read(finished).free_sets
    assert tried is not None
    num_asked = 16 + 2 * (2 * 4 + 2) + 2 * len(tried["sets"])
    assert asked["trained"] + asked["from_ledger"] == num_asked
    assert by_fidelity["full"] == {"trained": len(METHODS), "from_ledger": 0}


def test_every_method_has_a_test_score_of_every_metric_for_every_round(finished: Path) -> None:
    record = Record.read(finished)

    assert set(record.scores) == set(METHODS)
    for scores in record.scores.values():
        assert set(scores) == set(SCORE_METRICS)
        assert all(len(values) == 1 and 0 <= values[0] <= 1 for values in scores.values())


def test_every_method_but_the_trivial_ones_keeps_as_many_as_the_controller(finished: Path) -> None:
    num_kept = Record.read(finished).num_kept

    assert num_kept["uniform"] == num_kept["centroid"] == num_kept["controller"]
    assert (num_kept["real_only"], num_kept["keep_all"]) == (0, NUM_CANDIDATES)
    kept = pq.read_table(finished / "selection.parquet").column("kept").to_pylist()
    assert sum(kept) == num_kept["controller"]


def test_the_planted_truth_is_in_the_record(finished: Path) -> None:
    record = Record.read(finished)

    assert record.truth is not None
    assert {"controller", "oracle", "uniform", "batch_index"} <= record.truth.keys()
    assert record.truth["oracle"]["precision"] == record.truth["oracle"]["recall"] == 1.0
    assert 0 <= record.truth["controller"]["auc"] <= 1
    assert math.isnan(record.truth["uniform"]["auc"])
    assert record.truth_by_kind is not None
    assert sum(kind["count"] for kind in record.truth_by_kind.values()) == NUM_CANDIDATES


def test_the_candidates_are_judged_as_images_and_looked_through_for_copies(finished: Path) -> None:
    record = Record.read(finished)

    assert record.quality is not None
    assert record.quality["own"].keys() == {"normal", "tumour"}
    assert [len(scores) for scores in record.classification["candidates"].values()] == [1] * 5
    assert record.copies is not None
    assert record.copies["num_selected"] == record.num_kept["controller"]
    assert str(record.copies["said"]) in (finished / "report.html").read_text()
    assert (finished / "copies.npz").exists()


def test_there_is_a_row_for_every_iteration(finished: Path) -> None:
    rows = iterations(finished)

    assert [row["iteration"] for row in rows] == [1, 2]
    record = Record.read(finished)
    chosen = rows[int(record.learning["chosen_iteration"]) - 1]
    assert chosen["selection_val"] == max(row["selection_val"] for row in rows)
    assert record.learning["selection_val"] == chosen["selection_val"]


def test_what_is_drawn_of_an_iteration_is_in_its_row(finished: Path) -> None:
    (row, *_) = iterations(finished)
    of_noise = {"noise_floor", "spread_between_sets"}

    assert {name for names in GROUPS.values() for name in names} - of_noise <= row.keys()
    assert HEALTH.keys() <= row.keys()


def test_a_finished_run_that_is_resumed_trains_nothing(finished: Path, trained: list[str]) -> None:
    before = (finished / "record.json").read_bytes()

    result = package.run(tiny(), out=finished, resume=True, quiet=True)

    assert trained == []
    assert (finished / "record.json").read_bytes() == before
    assert result.selection.num_kept == result.record.num_kept["controller"]


def test_a_run_without_a_controller_compares_the_others(
    evaluators_up: None, tmp_path: Path
) -> None:
    experiment = tiny(selection={"methods": ["keep_all", "uniform"], "keep_fraction": 0.25})

    result = package.run(experiment, out=tmp_path / "run", quiet=True)

    assert set(result.record.scores) == {"real_only", "keep_all", "uniform", "oracle"}
    assert result.record.num_kept["uniform"] == NUM_CANDIDATES / 4
    assert result.record.learning == {}
    assert iterations(tmp_path / "run") == []
    assert "No controller" in (tmp_path / "run" / "report.html").read_text()


def test_zero_rounds_leave_test_unread(evaluators_up: None, tmp_path: Path) -> None:
    result = package.run(tiny(**NOTHING_TO_TRAIN), out=tmp_path / "run", quiet=True)

    assert result.record.finished
    assert result.record.scores == {}
    asked = set(ledger_rows(tmp_path / "run").values())
    assert asked == {("probe", "reward_val"), ("probe", "selection_val")}
    assert "no test scores" in (tmp_path / "run" / "report.html").read_text()


def test_the_papers_preset_runs_and_trains_a_network_for_every_reward(paper: Path) -> None:
    record = Record.read(paper)

    assert record.finished
    assert record.free_sets is not None
    of_free_sets = {"trained": 2 * len(record.free_sets["sets"]), "from_ledger": 0}
    assert record.evaluations["by_fidelity"]["probe"] == of_free_sets
    assert set(record.evaluations["by_fidelity"]) == {"full", "probe"}
    splits = Counter(split for _, split in ledger_rows(paper).values())
    assert splits["test"] == len(METHODS)
    assert splits["reward_val"] > 2 * 4
