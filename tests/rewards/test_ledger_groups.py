"""Rows that are written at one go."""

import pytest
from small_ledger import evaluation, job

from rlsel.errors import InputError


def test_a_group_is_read_back_row_by_row(open_ledger) -> None:
    ledger = open_ledger()
    entries = [(f"key {n}", job(seed=n), evaluation(n / 17)) for n in range(17)]

    ledger.put_many(entries)

    assert [open_ledger().get(key) for key, _, _ in entries] == [known for _, _, known in entries]
    assert len(ledger) == 17


def test_a_key_written_before_stays_and_its_group_is_written_all_the_same(open_ledger) -> None:
    ledger = open_ledger()
    ledger.put("old", job(), evaluation(0.25))

    ledger.put_many([("new", job(), evaluation(0.5)), ("old", job(), evaluation(0.75))])

    assert (ledger.get("old"), ledger.get("new")) == (evaluation(0.25), evaluation(0.5))


def test_of_a_group_that_cannot_be_written_nothing_is(open_ledger) -> None:
    ledger = open_ledger()
    ledger._db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON evaluations WHEN NEW.key = 'last' "
        "BEGIN SELECT RAISE(ABORT, 'full'); END"
    )

    with pytest.raises(Exception, match="full"):
        ledger.put_many([(key, job(), evaluation()) for key in ("first", "second", "last")])

    assert len(ledger) == 0
    ledger.put("first", job(), evaluation())  # no transaction was left open
    assert len(open_ledger()) == 1


def test_no_rows_are_no_mistake(open_ledger) -> None:
    ledger = open_ledger()

    ledger.put_many([])

    assert len(ledger) == 0


def test_a_ledger_that_nobody_may_write_is_a_mistake_of_the_users(open_ledger) -> None:
    ledger = open_ledger()
    ledger._db.execute("PRAGMA query_only = 1")

    with pytest.raises(InputError, match="cannot be written"):
        ledger.put_many([("key", job(), evaluation())])
