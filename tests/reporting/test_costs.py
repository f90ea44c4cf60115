"""What a run says of its cost."""

from dataclasses import replace

import pytest
from fake_run import write_fake_run

from rlsel.reporting.tables import cost_facts
from rlsel.runs.record import Record


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return write_fake_run(tmp_path_factory.mktemp("run"), num_per_class=8)


def test_the_use_of_the_evaluators_is_told(record: Record) -> None:
    used = replace(record, utilisation={"while_wanted": 0.934, "of_all_time": 0.51})

    (fact,) = (fact for fact in cost_facts(used) if fact[1] == "evaluator time at work")

    assert fact[0] == "93 %"
    assert "51 % of all time" in fact[2]


def test_a_run_that_wanted_no_evaluation_has_no_share(record: Record) -> None:
    nothing = replace(record, utilisation={"while_wanted": float("nan"), "of_all_time": 0.0})

    (fact,) = (fact for fact in cost_facts(nothing) if fact[1] == "evaluator time at work")

    assert fact[0] == "–"


def test_a_record_from_before_it_was_measured_tells_nothing_of_it(record: Record) -> None:
    assert "evaluator time at work" not in {what for _, what, _ in cost_facts(record)}
