import math

import pytest

from rlsel.reporting.verdict import compare, remarks, verdict
from rlsel.reporting.wording import decimal, duration, mean_with_std, signed
from rlsel.runs.record import Record


def a_record(num_kept: dict[str, int] | None = None, truth=None, **accuracy) -> Record:
    return Record(
        name="a",
        config_hash="0",
        seed=0,
        finished=True,
        scores={method: {"accuracy": list(values)} for method, values in accuracy.items()},
        num_kept=num_kept or {},
        truth=truth,
    )


def test_comparison_is_paired_by_round():
    # Rounds differ by .1, the methods by .01 in each: unpaired, this would drown in noise.
    record = a_record(controller=[0.61, 0.71, 0.812], uniform=[0.60, 0.70, 0.80])
    comparison = compare(record, "controller", "uniform")
    assert comparison is not None
    assert comparison.mean == pytest.approx(0.032 / 3)
    # t(2 degrees of freedom, 97.5%) = 4.3027; sample std of .01 .01 .012 over the root of 3.
    assert comparison.half_width == pytest.approx(4.3027 * 0.0011547 / math.sqrt(3), rel=1e-3)
    assert comparison.is_clear


def test_three_scattered_rounds_are_not_clear_of_noise():
    record = a_record(controller=[0.74, 0.75, 0.73], uniform=[0.72, 0.70, 0.735])
    assert "is not clear of training noise" in verdict(record)
    assert ".022 above uniform selection" in verdict(record)


def test_a_loss_is_called_below():
    record = a_record(controller=[0.70, 0.71], uniform=[0.72, 0.74])
    assert ".025 below uniform selection" in verdict(record)


def test_no_difference_is_called_level():
    record = a_record(controller=[0.70, 0.72], uniform=[0.72, 0.70])
    assert ", level with uniform selection" in verdict(record)


def test_one_round_claims_nothing():
    record = a_record(controller=[0.9], uniform=[0.5])
    assert "(1 round), .400 above uniform selection; one round cannot tell" in verdict(record)
    assert "±" not in verdict(record)


def test_rounds_without_spread_claim_nothing():
    record = a_record(controller=[0.9, 0.9, 0.9], uniform=[0.5, 0.5, 0.5])
    comparison = compare(record, "controller", "uniform")
    assert comparison is not None
    assert not comparison.is_clear
    assert "nothing can be said of noise" in verdict(record)


@pytest.mark.parametrize(
    ("uniform_kept", "words"),
    [(7, "at equal budget"), (9, "(which kept 9 candidates, the controller 7)")],
)
def test_the_budget_is_named_for_what_it_is(uniform_kept, words):
    kept = {"controller": 7, "uniform": uniform_kept}
    assert words in verdict(a_record(kept, controller=[0.9, 0.8], uniform=[0.5, 0.6]))


def test_rounds_with_nan_are_left_out_of_the_comparison():
    record = a_record(controller=[0.9, math.nan, 0.7], uniform=[0.5, 0.6, 0.4])
    comparison = compare(record, "controller", "uniform")
    assert comparison is not None
    assert (comparison.num_rounds, comparison.mean) == (2, pytest.approx(0.35))


def test_a_better_baseline_is_not_passed_over_in_silence():
    record = a_record(controller=[0.7, 0.8], uniform=[0.6, 0.7], keep_all=[0.8, 0.9])
    assert any("not the best method here: keep all reaches" in said for said in remarks(record))


def test_an_oracle_is_no_rival():
    record = a_record(controller=[0.7, 0.8], uniform=[0.6, 0.7], oracle=[0.8, 0.9])
    assert not any("not the best" in said for said in remarks(record))


def test_free_scores_stand_beside_the_learned_one():
    truth = {"controller": {"auc": 0.81}, "own_distance": {"auc": 0.7}, "batch_index": {"auc": 0.9}}
    record = a_record(truth=truth, controller=[0.7, 0.8], uniform=[0.6, 0.7])
    assert any("AUC .810" in said and "batch index, has .900" in said for said in remarks(record))


def test_without_a_controller_the_scores_are_listed():
    said = verdict(a_record(uniform=[0.6, 0.7], real_only=[0.5, 0.6]))
    assert said.startswith("No controller was among the selectors.")
    assert "real only .550 ± .071; uniform .650 ± .071" in said


def test_without_scores_the_verdict_says_so():
    assert verdict(a_record()) == "This run has no test scores."
    assert verdict(a_record(controller=[math.nan])) == "This run has no test scores."


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (decimal(0.7414), ".741"),
        (decimal(0.9999), "1.000"),
        (decimal(1.0), "1.000"),
        (decimal(10.5), "10.500"),
        (decimal(math.nan), "–"),
        (signed(-0.0041), "−.004"),
        (signed(0.018), "+.018"),
        (mean_with_std([0.7]), ".700"),
        (mean_with_std([0.5, 0.7, math.nan]), ".600 ± .141 (2 of 3)"),
        (mean_with_std([]), "–"),
        (duration(1.26), "1.3 s"),
        (duration(59.7), "1 min 00 s"),
        (duration(3599.9), "1 h 00 min"),
        (duration(math.nan), "–"),
    ],
)
def test_numbers_are_written_as_readers_expect(written, expected):
    assert written == expected
