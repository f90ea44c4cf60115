"""What the ledger has, it gives back as it was put."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_ledger import evaluation, job

from rlsel.metrics import METRICS
from rlsel.rewards import Evaluation, Ledger


def test_a_row_comes_back_as_it_was_put(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    put = Evaluation({"auc": [float("nan"), 0.1 + 0.2], "log_loss": [-np.inf, -0.6]}, 23, 1.5, "w")
    ledger.put("a", job(), put)

    got = ledger.get("a")

    assert got is not None
    assert got.scores["auc"][1] == 0.1 + 0.2
    assert np.isnan(got.scores["auc"][0])
    assert got.scores["log_loss"] == [-np.inf, -0.6]
    assert (got.num_train, got.train_s, got.worker) == (23, 1.5, "w")


def test_scores_of_a_run_away_training_stand_in_the_file_as_standard_json(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), Evaluation({"auc": [float("nan"), np.inf, -np.inf, 0.5]}, 23, 1.5))

    (text,) = ledger._db.execute("SELECT scores FROM evaluations").fetchone()

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert json.loads(text, parse_constant=refuse) == {"auc": [None, np.inf, -np.inf, 0.5]}
    query = "SELECT json_valid(scores), json_extract(scores, '$.auc[2]') FROM evaluations"
    assert ledger._db.execute(query).fetchone() == (1, -np.inf)


def test_an_unknown_key_gives_nothing(open_ledger: Callable[[], Ledger]) -> None:
    assert open_ledger().get("a") is None


def test_rows_survive_reopening(open_ledger: Callable[[], Ledger]) -> None:
    first = open_ledger()
    first.put("a", job(), evaluation())
    first.close()

    again = open_ledger()

    assert again.get("a") == evaluation()
    assert len(again) == 1


def test_a_row_is_never_overwritten(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), evaluation(0.75, "first"))
    ledger.put("a", job(), evaluation(0.25, "second"))

    assert ledger.get("a") == evaluation(0.75, "first")
    assert len(ledger) == 1


def test_a_row_that_cannot_be_stored_is_not_dropped_without_a_word(
    open_ledger: Callable[[], Ledger],
) -> None:
    # SQLite takes NaN for NULL.
    with pytest.raises(sqlite3.IntegrityError):
        open_ledger().put("a", job(), replace(evaluation(), train_s=float("nan")))


def test_a_row_that_lacks_a_metric_is_none_to_who_asks_for_it(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    ledger.put("a", job(), evaluation())

    assert ledger.get("a", ("auc", "log_loss")) == evaluation()
    assert ledger.get("a", ("auc", "kappa")) is None


def test_an_evaluation_with_a_new_metric_takes_the_place_of_the_row_without_it(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    newer = Evaluation({"auc": [0.25], "log_loss": [-np.inf], "kappa": [0.5]}, 23, 2.5, "newer")
    for put in (evaluation(), newer, evaluation(0.6), replace(newer, worker="last")):
        ledger.put("a", job(), put)

    assert ledger.get("a", ("auc", "kappa")) == newer
    assert len(ledger) == 1


def test_counts_are_by_fidelity(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    assert ledger.counts() == {}

    for number in range(7):
        ledger.put(f"{number}", job("full" if number < 2 else "probe"), evaluation())

    assert ledger.counts() == {"full": 2, "probe": 5}
    assert len(ledger) == 7


def test_the_kept_candidates_stand_in_the_file(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job("full", seed=3), evaluation())

    query = "SELECT fidelity, split, seed, num_kept, num_candidates, kept FROM evaluations"
    (row,) = ledger._db.execute(query).fetchall()

    assert row[:5] == ("full", "reward_val", 3, 21, 61)
    bits_N = np.unpackbits(np.frombuffer(row[5], dtype=np.uint8), count=61)
    assert np.array_equal(bits_N == 1, job().kept_N)


def test_what_one_connection_puts_another_gets(open_ledger: Callable[[], Ledger]) -> None:
    one, other = open_ledger(), open_ledger()

    one.put("a", job(), evaluation(0.75))
    other.put("a", job(), evaluation(0.25))
    other.put("b", job(), evaluation(0.25))

    assert other.get("a") == evaluation(0.75)
    assert one.get("b") == evaluation(0.25)


def test_repeats_are_the_mean_and_spread_over_the_seeds_of_a_set(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    generator = np.random.default_rng(0)
    masks = [generator.random(61) < 0.5 for _ in range(4)]
    best: list[list[float]] = [[], [], [], []]
    for seed in range(7):
        for index, num_seeds in enumerate((7, 1, 2, 0)):
            if seed < num_seeds:
                epochs = [float(value) for value in generator.random(5)]
                put = replace(job("full", seed), kept_N=masks[index])
                ledger.put(f"{index}/{seed}", put, Evaluation({"auc": epochs}, 23, 1.5))
                best[index].append(max(epochs))

    first, second = ledger.repeats("full", "reward_val", "auc")

    for found, index in ((first, 0), (second, 2)):
        assert np.array_equal(found.kept_N, masks[index])
        assert found.num_seeds == len(best[index])
        assert found.mean == pytest.approx(np.mean(best[index]))
        assert found.std == pytest.approx(np.std(best[index], ddof=1))
        assert found.standard_error == pytest.approx(
            np.std(best[index], ddof=1) / np.sqrt(len(best[index]))
        )


def test_repeats_are_of_one_fidelity_and_one_split(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("a", job("full", seed=1), evaluation(0.5))
    ledger.put("b", job("probe", seed=2), evaluation(0.6))
    ledger.put("c", replace(job("full", seed=3), split="test"), evaluation(0.7))
    assert list(ledger.repeats("full", "reward_val", "auc")) == []

    ledger.put("d", job("full", seed=4), evaluation(0.7))

    (found,) = ledger.repeats("full", "reward_val", "auc")
    assert found.mean == pytest.approx(0.6)


def test_of_one_set_and_seed_the_newest_evaluation_counts(
    open_ledger: Callable[[], Ledger],
) -> None:
    # As after a change of the images: the keys differ, who is kept does not.
    ledger = open_ledger()
    for number, (seed, value) in enumerate([(1, 0.5), (2, 0.6), (1, 0.8)]):
        ledger.put(f"{number}", job("full", seed), evaluation(value))

    (found,) = ledger.repeats("full", "reward_val", "auc")

    assert (found.num_seeds, found.mean) == (2, pytest.approx(0.7))


def test_a_training_that_ran_away_counts_among_the_repeats_as_the_worst(
    open_ledger: Callable[[], Ledger],
) -> None:
    ledger = open_ledger()
    ledger.put("a", job("full", seed=1), Evaluation({"auc": [float("nan")]}, 23, 1.5))
    ledger.put("b", job("full", seed=2), evaluation(0.5))

    (found,) = ledger.repeats("full", "reward_val", "auc")

    assert found.mean == pytest.approx((METRICS["auc"].worst + 0.5) / 2)


def test_repeats_pass_over_rows_that_lack_the_metric(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.put("old", job("full", seed=1), evaluation())
    for seed, value in ((2, 0.4), (3, 0.5)):
        ledger.put(f"{seed}", job("full", seed), Evaluation({"accuracy": [value]}, 23, 1.5))

    (found,) = ledger.repeats("full", "reward_val", "accuracy")

    assert (found.num_seeds, found.mean) == (2, pytest.approx(0.45))
