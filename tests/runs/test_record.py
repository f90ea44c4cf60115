import json
import math

import pytest

from rlsel.errors import InputError
from rlsel.metrics import mean_and_std
from rlsel.runs.record import Record, describe_device, installed_versions


def a_record(**changes) -> Record:
    fields = {
        "name": "a run",
        "config_hash": "0f",
        "seed": 3,
        "finished": True,
        "stage_s": {"pool": 1.5},
        "scores": {"uniform": {"accuracy": [0.7, 0.8], "auc": [0.75, 0.85]}},
        "num_kept": {"uniform": 11},
        "truth": {"uniform": {"auc": 0.5, "precision": 0.25, "recall": 1.0}},
        "truth_by_kind": {
            "good": {"count": 5, "kept": {"uniform": 2}, "mean_keep_probability": 0.5}
        },
        "evaluations": {
            "trained": 2,
            "from_ledger": 1,
            "by_fidelity": {"probe": {"trained": 2, "from_ledger": 1}},
        },
        "noise": {"baseline_reward_std": 0.01},
        "warnings": ["careful"],
    }
    return Record(**(fields | changes))


def test_record_read_back_equals_the_one_written(tmp_path):
    record = a_record(peak_memory_gib=1.25)
    assert record.write(tmp_path) == tmp_path / "record.json"
    assert Record.read(tmp_path) == Record.read(tmp_path / "record.json") == record


def test_nan_is_written_as_null_and_read_as_nan(tmp_path):
    scores = {"uniform": {"auc": [0.5, math.nan]}}
    path = a_record(scores=scores, peak_memory_gib=math.nan).write(tmp_path)
    stored = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert stored["scores"]["uniform"]["auc"] == [0.5, None]
    record = Record.read(tmp_path)
    assert math.isnan(record.scores["uniform"]["auc"][1])
    assert math.isnan(record.peak_memory_gib)


def test_fields_of_a_later_version_are_tolerated(tmp_path):
    path = a_record().write(tmp_path)
    stored = json.loads(path.read_text()) | {"carbon_g": 12.0}
    stored["evaluations"]["asked_twice"] = 4
    path.write_text(json.dumps(stored))
    assert Record.read(tmp_path).name == "a run"


def test_whole_numbers_pass_for_floats_when_read(tmp_path):
    path = a_record().write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"wall_s": 60}))
    assert isinstance(Record.read(tmp_path).wall_s, float)


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "Invalid JSON"), ('{"name": 1}', "name"), ("[]", "not a record"), ("", "Invalid JSON")],
)
def test_broken_record_is_an_input_error_that_names_the_file(tmp_path, content, problem):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(InputError, match=rf"record\.json.*{problem}") as caught:
        Record.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_record_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*there is no such record"):
        Record.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([1.0, 3.0], 2.0, math.sqrt(2)),
        ([0.7], 0.7, math.nan),
        ([], math.nan, math.nan),
        ([1.0, math.nan, 3.0], 2.0, math.sqrt(2)),
    ],
)
def test_std_divides_by_one_less_than_the_known_values(values, mean, std):
    assert mean_and_std(values) == pytest.approx((mean, std), nan_ok=True)


def test_versions_name_python_and_what_results_depend_on():
    versions = installed_versions()
    assert {"python", "rlsel", "torch", "ray", "numpy", "scikit-learn"} <= versions.keys()
    assert versions["numpy"][0].isdigit()


def test_device_names_gpu_and_cores():
    assert "core" in describe_device()
    assert describe_device("Some GPU").startswith("Some GPU; ")
